import type { Paint } from './terminal.js';

const BLOCKS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/**
 * A horizontal bar of block characters.
 * @param percent - 0 to 100; what is outside is cut off.
 * @param width - of the full bar, in columns.
 */
export function bar(percent: number, width: number): string {
  const eighths = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width * 8);
  const filled = '█'.repeat(Math.floor(eighths / 8)) + (BLOCKS[eighths % 8] ?? '');
  return filled + '·'.repeat(width - filled.length);
}

/**
 * One host's load as a line: name, bar, reading, and whether it is past the threshold.
 * @param reading - %, or undefined if there is none.
 */
export function loadLine(name: string, reading: number | undefined, threshold: number, paint: Paint): string {
  const label = name.padEnd(20);
  if (reading === undefined) return `  ${label} no reading`;
  const over = reading > threshold;
  const text = `${bar(reading, 32)} ${reading.toFixed(2).padStart(6)} %`;
  return `  ${label} ${paint(over ? 'red' : 'green', text)}${over ? `  past ${threshold} %` : ''}`;
}
