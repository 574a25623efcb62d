import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { printable } from '../common/printable.js';
import { type Terminal, painter } from './terminal.js';

export type Cell = string | number | boolean | undefined;

/** A wide character needs two columns, so no narrower column can hold every text. */
const NARROWEST = 2;

function widthOf(text: string): number {
  return Math.max(...text.split('\n').map((line) => stringWidth(line)));
}

/**
 * Shares out the columns of the terminal: narrow columns get what they need, the widest share what is left.
 * @param wanted - the natural widths.
 * @param room - for all of them together.
 */
function fit(wanted: readonly number[], room: number): number[] {
  const widths: number[] = wanted.map(() => 0);
  let left = room;
  const byWidth = wanted.map((width, index) => ({ width, index })).sort((a, b) => a.width - b.width);
  byWidth.forEach(({ width, index }, rank) => {
    const share = Math.max(NARROWEST, Math.floor(left / (byWidth.length - rank)));
    widths[index] = Math.max(NARROWEST, Math.min(width, share));
    left -= widths[index];
  });
  return widths;
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return right ? space + text : text + space;
}

/**
 * Renders a table with `+---+` borders, no wider than the terminal: long cells break inside their column.
 * Columns of nothing but numbers stand to the right. East Asian wide characters count two columns.
 * @param columns - the heads.
 * @param rows - cells in the order of the columns; an absent cell is empty.
 * @returns lines, each with its line end.
 */
export function renderTable(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  terminal: Pick<Terminal, 'width' | 'colour'>,
): string {
  const cells = rows.map((row) => columns.map((_, index) => printable(String(row[index] ?? ''))));
  const numeric = columns.map((_, index) => rows.length > 0 && rows.every((row) => typeof row[index] === 'number'));
  const natural = columns.map((name, index) =>
    Math.max(...[name, ...cells.map((row) => row[index] ?? '')].map(widthOf)),
  );
  const room = (terminal.width ?? Number.POSITIVE_INFINITY) - 3 * columns.length - 1;
  const widths = fit(natural, room);
  const border = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`;
  const line = (row: readonly string[], style: (text: string) => string = (text) => text) => {
    const wrapped = row.map((cell, index) => wrapAnsi(cell, widths[index] ?? NARROWEST, { hard: true }).split('\n'));
    const height = Math.max(...wrapped.map((lines) => lines.length));
    return Array.from({ length: height }, (_, at) => {
      const parts = wrapped.map((lines, index) =>
        style(pad(lines[at] ?? '', widths[index] ?? 0, numeric[index] ?? false)),
      );
      return `| ${parts.join(' | ')} |\n`;
    }).join('');
  };
  const paint = painter(terminal.colour);
  return [
    border,
    line(columns, (text) => paint('bold', text)),
    border,
    ...cells.map((row) => line(row)),
    ...(rows.length > 0 ? [border] : []),
  ].join('');
}
