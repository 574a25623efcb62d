import { durationText } from '../../common/units.js';
import { anyOf, hostOf, promqlString } from './escape.js';
import type { Question } from './presets.js';
import type { Scope, Subject } from './readings.js';
import { SUBJECT_OF } from './readings.js';

/** A label that tells the parts of one answer from each other. */
export const PART = 'automigrate_part';

/**
 * Longer queries than this are sent without names, and the answer is searched here: VictoriaMetrics refuses queries of
 * more than 16 KiB, and one query has to do however many machines there are.
 */
const LONGEST_BYTES = 14_000;

/** The windows that a question is asked for, ms. */
export interface Windows {
  periodMs: number;
  scrapeIntervalMs: number;
}

/** Hosts as the rule of an alert names them. */
export interface NamedHosts {
  /** The labels that name a host; the first is looked at. */
  labels: readonly string[];
  /** Names as labels may write them; undefined: every host. */
  names: readonly string[] | undefined;
  /** What the label of any host begins with, where guests bear the same label. */
  prefix: string | undefined;
}

/** The mean of hosts as people read it, in the rule of an alert: without the parts that {@link meansQuery} tells apart. */
export function meanOfHosts(question: Question, { labels, names, prefix }: NamedHosts, windows: Windows): string {
  const every = () => (prefix === undefined ? '' : `${labels[0] ?? ''}=~${promqlString(`${prefix}.+`)}`);
  const these = (found: string) => (prefix === undefined ? hostOf(found) : `(?:${prefix})?${hostOf(found)}`);
  const values = {
    hosts: () => (names === undefined ? every() : matcher(labels.slice(0, 1), names, these)),
    host: () => labels.join(', '),
    ...windowsOf(windows, (ms) => (ms % 1000 === 0 ? durationText(ms) : `${ms}ms`)),
  };
  return replaced(question.value, values).replaceAll(/,\s*}/g, '}').replaceAll('{}', '');
}

/** The query for the means of one subject, and for the times of their newest samples. */
export function meansQuery(question: Question, scope: Scope, windows: Windows): string {
  return fitting(scope, (only) => {
    const ask = (template: string, part: string) => marked(fill(template, scope, windows, only), part);
    return `${ask(question.value, 'value')} or ${ask(question.time, 'time')}`;
  });
}

/**
 * One query for some subjects at every step of a history. Of a guest it is one series, rounded to what a plan can tell apart: there
 * are many, and each digit of each comes over the network and is parsed while nothing else runs.
 */
export function historyQuery(
  questions: Record<Subject, Question>,
  subjects: readonly Subject[],
  scope: Scope,
  windows: Windows,
): string {
  return fitting(scope, (only) =>
    subjects
      .map((subject) => {
        const expression = fill(questions[subject].value, scope, windows, only);
        const { kind } = SUBJECT_OF[subject];
        const short =
          kind === 'guests' ? `round(max by (${scope.labels.guests.join(', ')}) (${expression}), 0.01)` : expression;
        return marked(short, subject);
      })
      .join(' or '),
  );
}

/** The query for the labels that a store has of all machines, whichever they are. */
export function namesQuery(question: Question, kind: 'hosts' | 'guests', scope: Scope, windows: Windows): string {
  return `group by (${scope.labels[kind].join(', ')}) (${fill(question.value, scope, windows, undefined)})`;
}

function fitting(scope: Scope, make: (only: Scope['directories'] | undefined) => string): string {
  const query = make(scope.directories);
  return Buffer.byteLength(query) <= LONGEST_BYTES ? query : make(undefined);
}

function marked(expression: string, part: string): string {
  return `label_replace(${expression}, "${PART}", "${part}", "", "")`;
}

function fill(
  template: string,
  { labels }: Scope,
  { periodMs, scrapeIntervalMs }: Windows,
  only: Scope['directories'] | undefined,
): string {
  const values = {
    hosts: () => matcher(labels.hosts, only?.hosts.names, (names) => `(?:node/)?${hostOf(names)}`),
    guests: () => matcher(labels.guests, only?.guests.names, (names) => `(?:qemu/)?(?:${names})`),
    host: () => labels.hosts.join(', '),
    guest: () => labels.guests.join(', '),
    ...windowsOf({ periodMs, scrapeIntervalMs }, (ms) => `${ms}ms`),
  };
  return replaced(template, values);
}

function windowsOf({ periodMs, scrapeIntervalMs }: Windows, written: (ms: number) => string) {
  return {
    // A window of one scrape can come out empty, and a rate needs two samples.
    period: () => written(Math.max(periodMs, 2 * scrapeIntervalMs)),
    step: () => written(scrapeIntervalMs),
    // Any longer, and Prometheus would take the part after the last sample for idle time.
    rate: () => written(2 * scrapeIntervalMs),
  };
}

function replaced(template: string, values: Readonly<Record<string, () => string>>): string {
  return template.replaceAll(
    /\$(hosts|guests|host|guest|period|step|rate)\b/g,
    (_all, name: string) => values[name]?.() ?? '',
  );
}

/** Where any of several labels may hold the name, one matcher cannot say so: then every series is asked for. */
function matcher(labels: readonly string[], names: readonly string[] | undefined, wrap: (names: string) => string) {
  const [label] = labels;
  const pattern = labels.length > 1 || names === undefined ? '.*' : wrap(anyOf(names));
  return `${label ?? ''}=~${promqlString(pattern)}`;
}
