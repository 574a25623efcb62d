import stringWidth from 'string-width';
import type { EventAction, EventWithText } from '../journal/events.js';
import { cut, padded } from './fit.js';
import { printable } from '../common/printable.js';
import { type Paint, type Terminal, painter } from './terminal.js';

type Style = Parameters<Paint>[0];

const STYLES: Readonly<Partial<Record<EventAction, Style>>> = {
  migrate_success: 'green',
  migrating: 'cyan',
  approved: 'green',
  resumed: 'green',
  migrate_fail: 'red',
  migrate_error: 'red',
  metrics_fail: 'red',
  decision_fail: 'red',
  find_result_fail: 'yellow',
  partial: 'yellow',
  recommended: 'yellow',
  recommend_mode: 'yellow',
  limited: 'yellow',
  stopped: 'yellow',
  paused: 'yellow',
  foreign_move: 'yellow',
  flapping: 'yellow',
  dropped: 'dim',
  ignored: 'dim',
};

/** Narrower terminals have no room for columns. */
const COLUMNS_FROM = 60;
/** A longer name of a rule pushes its own line on. */
const WIDEST_RULE = 16;

const two = (value: number) => String(value).padStart(2, '0');

/** `03:41:56` in the zone of this machine. */
export function timeOfDay(iso: string): string {
  const at = new Date(iso);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `2026-11-28 03:41:56` in the zone of this machine. */
export function localTime(iso: string): string {
  const at = new Date(iso);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${timeOfDay(iso)}`;
}

/** Today's by the clock, others by the day too, as in `ls -l`. */
function shortTime(iso: string, now: number): string {
  const [day = '', time = ''] = localTime(iso).split(' ');
  const today = localTime(new Date(now).toISOString()).slice(0, 10);
  if (day === today) return time;
  return day.slice(0, 4) === today.slice(0, 4) ? `${day.slice(5)} ${time.slice(0, 5)}` : day;
}

/** The style in which an action is shown. */
export function actionText(action: EventAction, paint: Paint, width = 0): string {
  const style = STYLES[action];
  const text = padded(action, width);
  return style ? paint(style, text) : text;
}

/**
 * Writes events as people read them: one line each, `time rule action text`, cut to the terminal's width. Where nothing limits a
 * line it is whole, with the time as the journal has it.
 * @param now - ms since the epoch.
 * @returns a function that writes more of them under what it has written, in the same columns.
 */
export function eventLines(
  { width, colour }: Pick<Terminal, 'width' | 'colour'>,
  now: () => number,
): (events: readonly EventWithText[]) => string {
  const paint = painter(colour);
  const hasColumns = width === undefined || width >= COLUMNS_FROM;
  const widths = [0, 0, 0];
  return (events) => {
    const rows = events.map((event) => ({
      event,
      cells: [
        width === undefined ? event.ops_time : shortTime(event.ops_time, now()),
        printable(event.obj_name).replaceAll('\n', ' '),
        event.action,
      ] as const,
    }));
    if (hasColumns) {
      for (const { cells } of rows) {
        cells.forEach((cell, index) => {
          widths[index] = Math.max(widths[index] ?? 0, Math.min(stringWidth(cell), index === 1 ? WIDEST_RULE : 99));
        });
      }
    }
    const [timeWidth = 0, ruleWidth = 0, actionWidth = 0] = widths;
    return rows
      .map(({ event, cells: [time, rule] }) => {
        const head = [padded(time, timeWidth), padded(rule, ruleWidth), padded(event.action, actionWidth)].join(' ');
        const left = width === undefined ? undefined : width - stringWidth(head) - 1;
        const text = printable(event.text).replaceAll('\n', ' ');
        if (left !== undefined && left < 1) return `${cut(head, width)}\n`;
        const shown = [
          paint('dim', padded(time, timeWidth)),
          padded(rule, ruleWidth),
          actionText(event.action, paint, actionWidth),
          cut(text, left),
        ];
        return `${shown.join(' ').trimEnd()}\n`;
      })
      .join('');
  };
}
