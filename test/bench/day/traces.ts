import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A day of real guests: `usage[guest][interval]`, % of the guest's own vCPUs, one value for every five minutes. */
export interface Trace {
  day: string;
  usage: number[][];
}

/** The days that stand in a directory of traces, sorted: the names of its `*.csv.gz` files without the ending. */
export function listDays(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.csv.gz'))
    .map((name) => name.slice(0, -'.csv.gz'.length))
    .sort();
}

/**
 * Reads one day: a row for every five minutes, a column for every guest.
 * @throws Error that names file and row where a value is no percentage or a row is shorter than the first.
 */
export function readTrace(directory: string, day: string): Trace {
  const file = join(directory, `${day}.csv.gz`);
  const rows = gunzipSync(readFileSync(file)).toString('utf8').trim().split('\n');
  const columns = rows[0]?.split(',').length ?? 0;
  const usage = Array.from({ length: columns }, () => new Array<number>(rows.length).fill(0));
  rows.forEach((row, interval) => {
    const values = row.split(',').map(Number);
    if (values.length !== columns || values.some((value) => !(value >= 0 && value <= 100))) {
      throw new Error(`${file}: row ${interval + 1}: expected ${columns} percentages`);
    }
    values.forEach((value, column) => {
      usage[column]![interval] = value;
    });
  });
  return { day, usage };
}
