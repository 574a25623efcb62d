const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 0,
  kib: 1,
  mib: 2,
  gib: 3,
  tib: 4,
  k: 1,
  m: 2,
  g: 3,
  t: 4,
  kb: 1,
  mb: 2,
  gb: 3,
  tb: 4,
};

/**
 * Reads a duration such as `2m`, `1h30m`, `500ms`.
 * @returns milliseconds, or `undefined` if the text is no duration.
 */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const part of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(part[1]) * (DURATION_UNITS[part[2] ?? ''] ?? Number.NaN);
  }
  return total;
}

/**
 * Reads a share such as `10%`.
 * @returns %, or `undefined` if the text is no share.
 */
export function parsePercent(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text);
  return match ? Number(match[1]) : undefined;
}

/** A duration of whole seconds in the words that {@link parseDuration} reads: `1h30m`, `0s`. */
export function durationText(ms: number): string {
  let left = Math.round(ms / 1000) * 1000;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = DURATION_UNITS[unit] ?? Number.NaN;
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text || '0s';
}

/**
 * Reads an amount of memory such as `16GiB`, `512 MiB`, `1024`. Steps are of 1024 whatever the unit's spelling.
 * @returns bytes, or `undefined` if the text is no amount.
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (!match) return undefined;
  const unit = (match[2] ?? '').toLowerCase();
  const power = unit === '' ? 0 : BYTE_UNITS[unit];
  return power === undefined ? undefined : Number(match[1]) * 1024 ** power;
}
