import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { painter, processTerminal } from '../../src/cli/terminal.js';
import type { Environment } from '../../src/config/given.js';

const terminal = (env: Environment, stdout: { isTTY?: boolean; columns?: number }) => {
  const { width, colour } = processTerminal(env, Object.assign(new PassThrough(), stdout), new PassThrough());
  return { width, colour };
};

describe('at a terminal', () => {
  it('lines are as wide as it is, or 80', () => {
    expect(terminal({ COLUMNS: '50' }, { isTTY: true, columns: 120 })).toEqual({ width: 120, colour: true });
    expect(terminal({}, { isTTY: true, columns: 0 })).toEqual({ width: 80, colour: true });
    expect(terminal({ COLUMNS: '50' }, { isTTY: true })).toEqual({ width: 50, colour: true });
  });

  it('colours can be turned off', () => {
    expect(terminal({ NO_COLOR: '1' }, { isTTY: true }).colour).toBe(false);
    expect(terminal({ NO_COLOR: '' }, { isTTY: true }).colour).toBe(true);
    expect(terminal({ TERM: 'dumb' }, { isTTY: true }).colour).toBe(false);
  });
});

it('in a pipe nothing limits a line unless COLUMNS does, and there are no colours', () => {
  expect(terminal({}, {})).toEqual({ width: undefined, colour: false });
  expect(terminal({ COLUMNS: '132' }, {})).toEqual({ width: 132, colour: false });
  expect(terminal({ COLUMNS: 'wide' }, {})).toEqual({ width: undefined, colour: false });
});

it('a reader that has seen enough is no fault', () => {
  const stdout = new PassThrough();
  processTerminal({}, stdout, new PassThrough());
  const fail = (code: string) => () => stdout.emit('error', Object.assign(new Error(code), { code }));
  expect(fail('EPIPE')).not.toThrow();
  expect(fail('EIO')).toThrow('EIO');
});

describe('a name that would steer the terminal', () => {
  const name = 'w\u001b[2Ji\u202ek\u009b31mi\u2066\u0007\u200f';
  const spelled = String.raw`w\u001b[2Ji\u202ek\u009b31mi\u2066\u0007\u200f`;
  const printed = (isTTY: boolean, print: (to: ReturnType<typeof processTerminal>) => void) => {
    const stdout = Object.assign(new PassThrough(), { isTTY });
    const stderr = new PassThrough();
    print(processTerminal({}, stdout, stderr));
    return { out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
  };

  it.each([true, false])('is spelled out, whichever way it is printed (at a terminal: %s)', (isTTY) => {
    const both = printed(isTTY, (to) => {
      to.out(`${name}\n`);
      to.err(`${name}\n`);
    });
    expect(both).toEqual({ out: `${spelled}\n`, err: `${spelled}\n` });
  });

  it('is spelled out inside our own colours too', () => {
    const print = (to: ReturnType<typeof processTerminal>) => to.out(painter(to.colour)('red', name));
    expect(printed(true, print).out).toBe(`\u001b[31m${spelled}\u001b[0m`);
    expect(printed(false, print).out).toBe(spelled);
  });

  it('means the same in JSON', () => {
    const { out } = printed(false, (to) => to.out(JSON.stringify({ name })));
    expect(JSON.parse(out)).toEqual({ name });
  });
});
