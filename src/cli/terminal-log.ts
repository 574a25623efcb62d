import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { timeOfDay } from './event-lines.js';
import { type Paint, painter, written } from './terminal.js';

type Style = Parameters<Paint>[0];

const STYLES: Readonly<Record<string, Style>> = {
  fatal: 'red',
  error: 'red',
  warn: 'yellow',
  info: 'green',
  debug: 'dim',
  trace: 'dim',
};
/** What the line begins with, or what its message tells already. */
const TOLD = ['level', 'time', 'msg', 'err', 'req', 'res'];

interface Line {
  level: string;
  time: string;
  msg?: string;
  err?: { message?: string; stack?: string };
  req?: { from?: string };
}

/** `a15`, or as JSON what would not be read as one word. */
const word = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);

/** `03:41:56 info planned rule=test-cpu …`; below it, for a fault, where it came from. */
function lineOf(line: Line, paint: Paint): string {
  const { level, time, msg = '', err, req } = line;
  const fields = Object.entries(line).filter(([key]) => !TOLD.includes(key));
  const pairs = [
    ...(req?.from === undefined ? [] : [['from', req.from] as const]),
    ...fields,
    ...(err?.message === undefined ? [] : [['err', err.message] as const]),
  ].map(([key, value]) => paint('dim', `${key}=${word(value)}`));
  const isFault = level === 'error' || level === 'fatal';
  // What is no place was in the message, which stands above.
  const stack = isFault ? (err?.stack ?? '').split('\n').filter((at) => /^ +at /.test(at)) : [];
  const style = STYLES[level];
  const label = level.padEnd(5);
  const head = [
    paint('dim', timeOfDay(time)),
    style ? paint(style, label) : label,
    msg.replaceAll('\n', ' '),
    ...pairs,
  ];
  return [head.join(' '), ...stack.map((at) => paint('dim', at))].join('\n');
}

/** Writes a line of the log for people, in the writer's own colours; whatever is in it cannot steer the terminal. */
function forPeople(output: { write(text: string): unknown }, colour: boolean): Writable {
  const paint = painter(colour);
  const pretty = prettyFactory({
    colorize: false,
    hideObject: true,
    customPrettifiers: { time: () => '', level: () => '' },
    messageFormat: (log) => lineOf(log as unknown as Line, paint),
  });
  return new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      output.write(written(pretty(chunk), colour));
      done();
    },
  });
}

/** What is used of the process' standard output. */
interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
}

/**
 * The log of the receiver: at a terminal a line for people, elsewhere JSON with names of levels and ISO times.
 * @param level - the least that is logged.
 * @param colour - whether a terminal is to be written to in colours.
 */
export function processLog(level: string, colour: boolean, output: Output = process.stdout): Logger {
  const options = {
    level,
    base: null,
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return output.isTTY === true ? pino(options, forPeople(output, colour)) : pino(options);
}
