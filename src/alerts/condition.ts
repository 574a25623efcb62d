/** A number with its unit, brought to the unit's base. */
export interface Quantity {
  /** In `%`, bytes or whatever `unit` says, without prefix. */
  value: number;
  /** `%`, `byte`, any other unit as written, or empty if none stands there. */
  unit: string;
}

/** What makes an alert fire, such as `cpu.usage_active > 80.00%`. */
export interface Condition {
  /** Empty if the condition names none. */
  metric: string;
  operator: Operator;
  threshold: Quantity;
}

const OPERATORS = ['>=', '<=', '==', '!=', '>', '<'] as const;
type Operator = (typeof OPERATORS)[number];

const NUMBER = '[-+]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:e[-+]?\\d+)?';
const QUANTITY = new RegExp(`^(${NUMBER})\\s*([^\\s\\d,;，；]*)`, 'i');
const OPERATOR = new RegExp(OPERATORS.join('|'), 'g');
/** Looked for at a place, not from there on. */
const THRESHOLD = new RegExp(`\\s*(${NUMBER}\\s*[^\\s\\d,;，；]*)`, 'iy');
/** No real alert has more conditions. */
const MOST_CONDITIONS = 20;
const BYTES = /^([KMGTPE]?)i?(?:bytes?|b)$/i;
const PREFIXES = 'KMGTPE';

/**
 * Reads a value such as `93.47%`, `3.27Gbyte`, `512 MiB`, `4096`. Byte prefixes are steps of 1024.
 * @returns the value in its base unit, or `undefined` if no number stands at the beginning.
 */
export function parseQuantity(text: string): Quantity | undefined {
  const match = QUANTITY.exec(text.trim());
  if (!match) return undefined;
  const number = Number(match[1]);
  if (!Number.isFinite(number)) return undefined;
  const unit = match[2] ?? '';
  const bytes = BYTES.exec(unit) ?? /^([KMGTPE])$/.exec(unit);
  if (!bytes) return { value: number, unit };
  const power = bytes[1] ? PREFIXES.indexOf(bytes[1].toUpperCase()) + 1 : 0;
  return { value: number * 1024 ** power, unit: 'byte' };
}

/**
 * Reads the conditions of a line.
 * @returns all of them in order; none if the text is no condition.
 */
export function parseConditions(text: string): Condition[] {
  const found: Condition[] = [];
  let rest = 0;
  OPERATOR.lastIndex = 0;
  // From operator to operator: a pattern of the whole would try each place of a long word as the metric's beginning.
  for (let match = OPERATOR.exec(text); match && found.length < MOST_CONDITIONS; match = OPERATOR.exec(text)) {
    THRESHOLD.lastIndex = OPERATOR.lastIndex;
    const threshold = parseQuantity(THRESHOLD.exec(text)?.[1] ?? '');
    const operator = OPERATORS.find((known) => known === match[0]);
    if (!threshold || !operator) {
      // Of `a>>5` the second one counts.
      OPERATOR.lastIndex = match.index + 1;
      continue;
    }
    found.push({ metric: lastWord(text.slice(rest, match.index)), operator, threshold });
    rest = OPERATOR.lastIndex = THRESHOLD.lastIndex;
  }
  return found;
}

function lastWord(text: string): string {
  return text.trim().split(/\s/).at(-1) ?? '';
}

/**
 * Whether a value fulfils the condition that makes an alert fire.
 * @returns `undefined` if the two cannot be compared, because their units differ.
 */
export function fulfils(condition: Condition, value: Quantity): boolean | undefined {
  const { threshold } = condition;
  if (value.unit !== '' && threshold.unit !== '' && value.unit !== threshold.unit) return undefined;
  switch (condition.operator) {
    case '>':
      return value.value > threshold.value;
    case '>=':
      return value.value >= threshold.value;
    case '<':
      return value.value < threshold.value;
    case '<=':
      return value.value <= threshold.value;
    case '==':
      return value.value === threshold.value;
    case '!=':
      return value.value !== threshold.value;
  }
}
