import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pingSome } from '../../../../src/fleet/clouds/libvirt/hosts.js';
import { createVirsh, isUuid, virshProblem } from '../../../../src/fleet/clouds/libvirt/virsh.js';
import { FleetError } from '../../../../src/fleet/fleet.js';
import { libvirtHost } from './fixtures.js';

const host = libvirtHost('a');
const PLAIN = { autoConverge: true, postcopy: false };
const UUID = '40b5d187-31d2-4302-84c9-cb19f5bd24be';

/** A program in place of virsh, for what no real host can be brought to. It gets: -q -c URI COMMANDS */
function programOf(script: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'virsh-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const program = join(directory, 'virsh');
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return program;
}
/** Prints "out" for the first command and its marker, as virsh does. */
const PRINTING = `printf 'out\\n%s' "$(printf %s "$4" | sed 's/.*echo //')"`;

const asked = (script: string, timeoutMs = 60_000) => {
  const answer = createVirsh({ program: programOf(script), timeoutMs }).ask(host, ['hostname']);
  return answer.catch((error: unknown) => error);
};

describe('a ping', () => {
  const hosts = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => libvirtHost(name));
  const away = `echo "error: $3 is away" >&2; exit 1`;

  it('is answered while any host is there, wherever it stands in the list', async () => {
    const virsh = createVirsh({
      program: programOf(`case "$3" in *//f/*) ${PRINTING};; *) ${away};; esac`),
      timeoutMs: 60_000,
    });
    expect(await pingSome(virsh, hosts)).toEqual({});
  });

  it('that no host answers is an error with the words of each', async () => {
    const virsh = createVirsh({ program: programOf(away), timeoutMs: 60_000 });
    await expect(pingSome(virsh, hosts)).rejects.toThrow(/no host answers: a: .*a\/system is away.*f\/system is away/);
  });
});

describe('virsh', () => {
  it('is run without a shell, in plain English, over one connection', async () => {
    const script = `[ "$1 $2 $3" = "-q -c qemu+ssh://a/system" ] && [ "$LC_ALL" = C ] && ${PRINTING}`;
    expect(await asked(script)).toEqual({ outputs: ['out\n'], words: '' });
  });

  it('that fails at one command is told with its words, without "error: "', async () => {
    const script = `echo 'error: failed to get x' >&2; echo 'error: and y' >&2; ${PRINTING}; exit 1`;
    expect(await asked(script)).toEqual({ outputs: ['out\n'], words: 'failed to get x; and y' });
  });

  it.each([
    ['finds no daemon', "echo 'error: failed to connect' >&2; exit 1", 'libvirt: a: failed to connect'],
    ['says nothing at all', 'exit 0', 'libvirt: a: virsh broke off without a word'],
    ['prints garbage', 'head -c 1000 /dev/urandom', 'libvirt: a: virsh broke off without a word'],
    ['prints without end', 'exec yes', 'libvirt: a: virsh printed more than 64 MiB'],
  ])('that %s is an error that names the host', async (_name, script, message) => {
    const error = await asked(script);
    expect(error).toBeInstanceOf(FleetError);
    expect((error as Error).message).toBe(message);
  });

  it('that hangs is ended', async () => {
    expect(String(await asked('exec sleep 1000', 50))).toContain('libvirt: a: no answer within 50 ms');
  });

  it('that is not there is told', async () => {
    const virsh = createVirsh({ program: '/nowhere/virsh', timeoutMs: 60_000 });
    await expect(virsh.ask(host, ['hostname'])).rejects.toThrow(
      'libvirt: a: virsh cannot be run: spawn /nowhere/virsh ENOENT',
    );
    expect(await virsh.migrate(host, UUID, host, PLAIN).ended).toEqual({
      ok: false,
      words: 'spawn /nowhere/virsh ENOENT',
    });
  });

  it("ends when its caller gives up, with the caller's reason", async () => {
    const giveUp = new AbortController();
    const virsh = createVirsh({ program: programOf('exec sleep 1000'), timeoutMs: 60_000 });
    const answer = virsh.ask(host, ['hostname'], giveUp.signal);
    const reason = new Error('given up');
    giveUp.abort(reason);
    await expect(answer).rejects.toBe(reason);
    await expect(virsh.ask(host, ['hostname'], giveUp.signal)).rejects.toBe(reason);
  });
});

it('whether there is a virsh that runs is known before any host is asked', async () => {
  expect(await virshProblem(programOf('echo 9.0.0'))).toBeUndefined();
  expect(await virshProblem('/nowhere/virsh')).toBe(
    'the program /nowhere/virsh is not in PATH (Debian: libvirt-clients)',
  );
  expect(await virshProblem(programOf('echo broken >&2; exit 127'))).toMatch(/virsh cannot be run: .*broken/s);
});

describe('the virsh of a migration', () => {
  it.each([
    [{ autoConverge: true, postcopy: false }, ' --auto-converge'],
    [{ autoConverge: false, postcopy: false }, ''],
    [{ autoConverge: true, postcopy: false, bandwidthMiB: 8 }, ' --auto-converge --bandwidth 8'],
    [{ autoConverge: false, postcopy: true, bandwidthMiB: 8 }, ' --postcopy --bandwidth 8 --postcopy-bandwidth 8'],
  ])('is asked for a live peer-to-peer migration of exactly that guest, with %j', async (how, flags) => {
    const virsh = createVirsh({ program: programOf('echo "error: $*" >&2; exit 1'), timeoutMs: 60_000 });
    expect(await virsh.migrate(host, UUID, libvirtHost('b'), how).ended).toEqual({
      ok: false,
      words: `-q -c qemu+ssh://a/system migrate --live --p2p --persistent --undefinesource --abort-on-error${flags} --domain ${UUID} --desturi qemu+tcp://b/system`,
    });
  });

  it('has no time limit, ends well or with its words, and can be ended', async () => {
    const of = (script: string) =>
      createVirsh({ program: programOf(script), timeoutMs: 1 }).migrate(host, UUID, host, PLAIN);
    expect(await of('sleep 0.2; exit 0').ended).toEqual({ ok: true });
    expect(await of('exit 3').ended).toEqual({ ok: false, words: 'virsh ended with status 3' });
    const hanging = of('exec sleep 1000');
    hanging.kill();
    expect(await hanging.ended).toEqual({ ok: false, words: 'virsh was ended by SIGKILL' });
  });

  it('stands in a session of its own, so that a Ctrl-C does not give the migration up', async () => {
    const script = `[ "$(ps -o sid= -p $$ | tr -d ' ')" = $$ ] || exit 1`;
    const virsh = createVirsh({ program: programOf(script), timeoutMs: 60_000 });
    expect(await virsh.migrate(host, UUID, host, PLAIN).ended).toEqual({ ok: true });
  });
});

it('only a UUID stands in a command', () => {
  expect(isUuid(UUID)).toBe(true);
  for (const id of ['', 'vm1', '--help', `${UUID}; destroy vm1`, `${UUID}\n`]) expect(isUuid(id)).toBe(false);
});
