import { MAX_ALERTS } from '../alerts/alert.js';
import type { AlertProblem, Sender } from '../alerts/alert.js';
import { LEGACY_STATES, isLegacyGrafana } from '../alerts/grafana-legacy.js';
import { isRecord } from '../alerts/labels.js';
import { isTemplateConfig } from '../alerts/monitor-template.js';

/** So many faulty fields are told at once. */
export const MAX_PROBLEMS = 20;

interface Kind {
  expected: string;
  test: (value: unknown) => boolean;
}

// Go writes whatever is empty as null.
const orNothing = ({ expected, test }: Kind): Kind => ({
  expected,
  test: (value) => value === undefined || value === null || test(value),
});
const string: Kind = { expected: 'a string', test: (value) => typeof value === 'string' };
const word: Kind = { expected: 'a string', test: (value) => typeof value === 'string' && value !== '' };
const object: Kind = { expected: 'an object', test: isRecord };
const list: Kind = {
  expected: `an array of at most ${MAX_ALERTS}`,
  test: (value) => value === null || (Array.isArray(value) && value.length <= MAX_ALERTS),
};
const oneOf = (expected: string, words: readonly string[]): Kind => ({
  expected,
  test: (value) => words.some((one) => one === value),
});

type Fields = readonly (readonly [name: string, kind: Kind])[];

/** As a list once and for all: every field of every alert is looked at. */
const fieldsOf = (kinds: Readonly<Record<string, Kind>>): Fields => Object.entries(kinds);

/** What a body of one layout holds, and what each entry of its list does. Other fields are nobody's business. */
interface Layout {
  fields: Fields;
  list?: { name: string; entry: Fields };
}

const LAYOUTS = {
  alerts: {
    fields: fieldsOf({ alerts: list }),
    list: {
      name: 'alerts',
      entry: fieldsOf({
        status: oneOf('"firing" or "resolved"', ['firing', 'resolved']),
        labels: orNothing(object),
        startsAt: orNothing(string),
        fingerprint: orNothing(string),
      }),
    },
  },
  legacy: {
    fields: fieldsOf({
      ruleName: word,
      state: oneOf(`one of ${LEGACY_STATES.join(', ')}`, LEGACY_STATES),
      tags: orNothing(object),
      evalMatches: orNothing(list),
    }),
    list: { name: 'evalMatches', entry: fieldsOf({ tags: orNothing(object), metric: orNothing(string) }) },
  },
  template: {
    fields: fieldsOf({ name: orNothing(string), title: orNothing(string), matches: orNothing(list) }),
    list: { name: 'matches', entry: fieldsOf({ tags: orNothing(object), metric: orNothing(string) }) },
  },
  message: { fields: fieldsOf({ Msg: orNothing(string) }) },
} as const satisfies Record<string, Layout>;

function layoutOf(sender: Sender, body: unknown): Layout {
  switch (sender) {
    case 'alertmanager':
      return LAYOUTS.alerts;
    case 'grafana':
      return isLegacyGrafana(body) ? LAYOUTS.legacy : LAYOUTS.alerts;
    case 'monitor':
      return isTemplateConfig(body) ? LAYOUTS.template : LAYOUTS.message;
  }
}

/**
 * Checks the types of a body's fields in one walk, which ends at the first {@link MAX_PROBLEMS} faults.
 * @param body - the parsed JSON object.
 * @returns the faulty fields with their paths; none if a parser may read the body.
 */
export function faultsOf(sender: Sender, body: unknown): AlertProblem[] {
  const layout = layoutOf(sender, body);
  const faults = faultyFields(body, layout.fields, '');
  if (faults.length > 0 || !layout.list || !isRecord(body)) return faults;
  const { name, entry } = layout.list;
  const entries: unknown = body[name];
  if (!Array.isArray(entries)) return faults;
  for (const [index, value] of entries.entries()) {
    const path = `${name}[${index}]`;
    if (!isRecord(value)) faults.push({ field: path, message: `expected ${object.expected}` });
    else faults.push(...faultyFields(value, entry, `${path}.`));
    if (faults.length >= MAX_PROBLEMS) return faults.slice(0, MAX_PROBLEMS);
  }
  return faults;
}

function faultyFields(body: unknown, fields: Fields, path: string): AlertProblem[] {
  const faults: AlertProblem[] = [];
  for (const [name, { expected, test }] of fields) {
    // An own value only: every object has a "constructor".
    const value = isRecord(body) && Object.hasOwn(body, name) ? body[name] : undefined;
    if (!test(value)) faults.push({ field: `${path}${name}`, message: `expected ${expected}` });
  }
  return faults;
}
