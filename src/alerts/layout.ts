import { checkSchema } from 'express-validator';
import type { ParamSchema } from 'express-validator';
import { MAX_ALERTS } from './alert.js';
import type { Alert, AlertProblem } from './alert.js';
import { isRecord } from './labels.js';

/*
 * What a sender's body looks like is described once. From the description come the check by express-validator, which names the
 * faulty fields; the same check as plain calls, which a body without a fault passes in a fraction of the time; the types that
 * its parser reads; and the document that OpenAPI shows.
 */

/** So many faulty fields are told at once. */
export const MAX_PROBLEMS = 20;

/** What a field may hold. */
export interface Kind<Value = unknown> {
  /** In words, for whoever sent something else. */
  expected: string;
  test: (value: unknown) => value is Value;
  /** As JSON Schema. */
  document: object;
  isOptional?: true;
}

export const text: Kind<string> = {
  expected: 'a string',
  test: (value) => typeof value === 'string',
  document: { type: 'string' },
};
/** A text that is not empty. */
export const word: Kind<string> = {
  expected: 'a string',
  test: (value): value is string => typeof value === 'string' && value !== '',
  document: { type: 'string', minLength: 1 },
};
export const object: Kind<Record<string, unknown>> = {
  expected: 'an object',
  test: isRecord,
  document: { type: 'object' },
};

/** One of some words. */
export const oneOf = <const Words extends readonly string[]>(expected: string, words: Words): Kind<Words[number]> => ({
  expected,
  test: (value): value is Words[number] => words.some((one) => one === value),
  document: { enum: words },
});

/** A field that may be absent or `null`: Go writes whatever is empty as null. */
export const orNothing = <Value>({ expected, test, document }: Kind<Value>): Kind<Value | null | undefined> => ({
  expected,
  test: (value): value is Value | null | undefined => value === undefined || value === null || test(value),
  document: { anyOf: [document, { type: 'null' }] },
  isOptional: true,
});

/** A field that is read where it holds what is expected, and passed over where it holds anything else. */
export const ifAny = (document: object): Kind => ({
  expected: 'anything',
  test: (_value): _value is unknown => true,
  document,
  isOptional: true,
});

type Kinds = Readonly<Record<string, Kind>>;
type Values<Fields extends Kinds> = {
  [Name in keyof Fields]: Fields[Name] extends Kind<infer Value> ? Value : never;
};
/** Each kind with the name of its field, as a list once and for all: every field of every alert is looked at. */
type FieldList = readonly (readonly [name: string, kind: Kind])[];

/** What a body of one layout holds, and what each entry of its list does. Other fields are nobody's business. */
export interface Layout<Body = unknown> {
  fields: FieldList;
  list: { name: string; entry: FieldList } | undefined;
  document: object;
  /** Never set: it carries the type of a body. */
  body?: Body;
}

/** The type of a body of a layout. */
export type BodyOf<Described> = Described extends Layout<infer Body> ? Body : never;

const entries = (expected: string, isRequired: boolean): Kind<unknown[] | null | undefined> => ({
  expected,
  test: (value): value is unknown[] | null | undefined =>
    value === null || (value === undefined && !isRequired) || (Array.isArray(value) && value.length <= MAX_ALERTS),
  document: {},
  ...(!isRequired && { isOptional: true }),
});

function documentOf(fields: FieldList): { type: 'object'; required?: string[]; properties: Record<string, object> } {
  const required = fields.filter(([, { isOptional }]) => !isOptional).map(([name]) => name);
  return {
    type: 'object',
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(fields.map(([name, { document }]) => [name, document])),
  };
}

/**
 * Describes a body.
 * @param description - for people.
 * @param fields - each of its fields that is read.
 * @param list - the list of alerts in it and what each entry holds; a list may be `null`, and absent unless it is required.
 */
export function layout<const Fields extends Kinds, Name extends string = never, const Entry extends Kinds = Kinds>(
  description: string,
  fields: Fields,
  list?: { name: Name; isRequired: boolean; entry: Entry },
): Layout<Values<Fields> & Partial<Record<Name, Values<Entry>[] | null>>> {
  const entry = list && Object.entries(list.entry);
  const own: FieldList = Object.entries(fields);
  if (!list || !entry) return { fields: own, list: undefined, document: { description, ...documentOf(own) } };
  const items = documentOf(entry);
  const array = { type: 'array', maxItems: MAX_ALERTS, items };
  const all: FieldList = [
    ...own,
    [
      list.name,
      {
        ...entries(`an array of at most ${MAX_ALERTS}`, list.isRequired),
        document: { anyOf: [array, { type: 'null' }] },
      },
    ],
  ];
  return { fields: all, list: { name: list.name, entry }, document: { description, ...documentOf(all) } };
}

/** A value that is not of the layout that it should be of: {@link problemsOf} says why. */
export interface Misfit {
  layout: Layout;
  value: unknown;
  /** Where it stands in the body: empty for the body itself, or the field that holds it. */
  at: string;
}

/** An own value only: every object has a "constructor". */
function fits(record: Record<string, unknown>, fields: FieldList): boolean {
  for (const [name, { test }] of fields) {
    if (!test(Object.hasOwn(record, name) ? record[name] : undefined)) return false;
  }
  return true;
}

/** Whether a value is of a layout; it stops at the first fault. */
export function isOf<Body>(described: Layout<Body>, value: unknown): value is Body & Record<string, unknown> {
  if (!isRecord(value) || !fits(value, described.fields)) return false;
  const { list } = described;
  const items = list && value[list.name];
  if (!list || !Array.isArray(items)) return true;
  return items.every((item) => isRecord(item) && fits(item, list.entry));
}

const chainOf = ({ expected, test }: Kind): ParamSchema => ({
  custom: { options: (value: unknown) => test(value), errorMessage: `expected ${expected}` },
});

/** What express-validator finds at the fields, each with its path in the value. */
async function faultsAt(value: unknown, fields: FieldList): Promise<AlertProblem[]> {
  const chains = checkSchema(Object.fromEntries(fields.map(([path, kind]) => [path, chainOf(kind)])), ['body']);
  const results = await Promise.all(chains.map((chain) => chain.run({ body: value }, { dryRun: true })));
  return results.flatMap((result) =>
    result.array().map((error) => ({ field: error.type === 'field' ? error.path : '', message: String(error.msg) })),
  );
}

/**
 * Names what is wrong with a value, by express-validator.
 * @returns the faulty fields with their paths in the body, at most {@link MAX_PROBLEMS}.
 */
export async function problemsOf({ layout: { fields, list }, value, at }: Misfit): Promise<AlertProblem[]> {
  const inBody = (faults: AlertProblem[]) =>
    at === '' ? faults : faults.map(({ field, message }) => ({ field: `${at}.${field}`, message }));
  if (!isRecord(value)) return [{ field: at === '' ? 'body' : at, message: `expected ${object.expected}` }];
  const faults = await faultsAt(value, fields);
  const items = list && value[list.name];
  if (faults.length > 0 || !list || !Array.isArray(items)) return inBody(faults);
  // Of thousands of entries only those with a fault: a chain for each field of each costs more than all the rest of an answer.
  const faulty = [...items.entries()].filter(([, item]) => !isRecord(item) || !fits(item, list.entry));
  const paths = faulty.slice(0, MAX_PROBLEMS).flatMap(([index, item]): FieldList => {
    const path = `${list.name}[${index}]`;
    return isRecord(item) ? list.entry.map(([name, kind]) => [`${path}.${name}`, kind]) : [[path, object]];
  });
  return inBody(await faultsAt(value, paths)).slice(0, MAX_PROBLEMS);
}

/**
 * What a parser makes of a body.
 * `truncated`: so many alerts the sender has left out of it.
 */
export type ParsedAlerts =
  | { ok: true; alerts: Alert[]; truncated?: number }
  | { ok: false; misfit: Misfit }
  | { ok: false; problems: AlertProblem[] };

/** A body that is not of its layout. */
export function misfit(described: Layout, value: unknown, at = ''): ParsedAlerts {
  return { ok: false, misfit: { layout: described, value, at } };
}

/** Names what keeps a body from being understood, each fault with its field. */
export async function faultsOf(refused: Extract<ParsedAlerts, { ok: false }>): Promise<AlertProblem[]> {
  return 'misfit' in refused ? problemsOf(refused.misfit) : refused.problems;
}
