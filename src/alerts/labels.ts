/** Labels in which a sender may name the host; with none of them an alert is about no host that can be found. */
const HOST_LABELS = ['host_id', 'host_name', 'host', 'hostname', 'nodename', 'instance'] as const;

/** A JSON object, as opposed to an array, `null` or a bare value. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of a field, or `undefined` where it is missing, empty, `null` or no text. */
export function textOf(record: Record<string, unknown>, field: string): string | undefined {
  const value = Object.hasOwn(record, field) ? record[field] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * Labels or tags as plain text. Numbers and booleans are written out, `null` and anything nested is dropped.
 * @param value - what stands in the body; anything but an object gives no labels.
 * @returns own properties only, so that a label called `__proto__` is data like any other. Labels that are all text, as
 *   nearly always, are returned as they are, not copied.
 */
export function labelsOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  if (isText(value)) return value;
  const pairs: [string, string][] = [];
  for (const name of Object.keys(value)) {
    const label = value[name];
    if (typeof label === 'string') pairs.push([name, label]);
    else if (typeof label === 'number' || typeof label === 'boolean') pairs.push([name, String(label)]);
  }
  return Object.fromEntries(pairs);
}

function isText(record: Record<string, unknown>): record is Record<string, string> {
  for (const name of Object.keys(record)) if (typeof record[name] !== 'string') return false;
  return true;
}

/** Whether any label could name a host. */
export function namesHost(labels: Record<string, string>): boolean {
  return HOST_LABELS.some((name) => Object.hasOwn(labels, name) && labels[name] !== '');
}

/**
 * The text that stands for one occurrence of an alert.
 * @param parts - what tells it from others; the order counts.
 */
export function occurrenceKey(parts: readonly string[]): string {
  return parts.map((part) => (/[\\|]/.test(part) ? part.replace(/[\\|]/g, '\\$&') : part)).join('|');
}

/** Labels in an order that does not depend on the sender, for keys. */
export function sortedLabels(labels: Record<string, string>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
