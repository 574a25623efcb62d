type Fields = Readonly<Record<string, unknown>>;

/** Where events keep what {@link differences} gives, beside what the rule says now. */
const CHANGES = 'changes';

/**
 * What a rule says otherwise than before, key by key, in the words of `automigrate rules set`: `ignore.guests: not set → ["db"]`.
 * @param before - as an event has it; its own `changes` are no part of the rule.
 */
export function differences(before: Fields, after: Fields): string[] {
  const [was, is] = [leaves(before), leaves(after)];
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((key) => key !== CHANGES && shown(was.get(key)) !== shown(is.get(key)))
    .map((key) => `${key}: ${shown(was.get(key))} → ${shown(is.get(key))}`);
}

function leaves(fields: Fields, path = ''): Map<string, unknown> {
  return new Map(
    Object.entries(fields).flatMap(([key, value]): [string, unknown][] => {
      const at = `${path}${key}`;
      const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
      return isGroup ? [...leaves(value as Fields, `${at}.`)] : [[at, value]];
    }),
  );
}

function shown(value: unknown): string {
  if (value === undefined) return 'not set';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
