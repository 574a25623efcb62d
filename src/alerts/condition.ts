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
const CONDITION = new RegExp(`(\\S*?)\\s*(${OPERATORS.join('|')})\\s*(${NUMBER}\\s*[^\\s\\d,;，；]*)`, 'gi');
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
  // No real condition is longer; a hostile one would take long to search.
  return [...text.slice(0, 500).matchAll(CONDITION)].flatMap((match) => {
    const threshold = parseQuantity(match[3] ?? '');
    const operator = OPERATORS.find((known) => known === match[2]);
    return threshold && operator ? [{ metric: match[1] ?? '', operator, threshold }] : [];
  });
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
