import type { FleetHistory, FleetReadings, HistoryQuery, MetricName, Reading, Sample } from '../fleet.js';
import type { Directory, Meant } from './names.js';
import { guestDirectory, hostDirectory } from './names.js';
import { joinedHistory, newestReading } from './series.js';

/** What is asked of a store: each is one query. */
export const SUBJECTS = ['hostCpu', 'hostMemory', 'guestCpu'] as const;
export type Subject = (typeof SUBJECTS)[number];

/** What a subject is about, and its name in errors. */
export const SUBJECT_OF: Record<
  Subject,
  { kind: 'hosts' | 'guests'; one: 'host' | 'guest'; metric: MetricName; what: string }
> = {
  hostCpu: { kind: 'hosts', one: 'host', metric: 'cpu.usage_active', what: 'CPU of hosts' },
  hostMemory: { kind: 'hosts', one: 'host', metric: 'mem.available', what: 'memory of hosts' },
  guestCpu: { kind: 'guests', one: 'guest', metric: 'cpu.usage_active', what: 'CPU of guests' },
};

/** One series of a store's answer. */
export interface Series<Found> {
  labels: Readonly<Record<string, string>>;
  found: Found;
}

/** A store's answers by subject; one that was not asked is absent. */
export type Answers<Found> = Partial<Record<Subject, Series<Found>[]>>;

/** The names of the fleet that is asked for, and which labels hold them. */
export interface Scope {
  directories: Record<'hosts' | 'guests', Directory>;
  /** The first label whose value is known counts. */
  labels: Record<'hosts' | 'guests', readonly string[]>;
  /** What is worth asking: nothing of guests where there are none. */
  subjects: Subject[];
}

/** Puts together what a query is about. */
export function scopeOf(fleet: Pick<HistoryQuery, 'hosts' | 'guests'>, labels: Scope['labels']): Scope {
  return {
    directories: { hosts: hostDirectory(fleet.hosts), guests: guestDirectory(fleet.guests) },
    labels,
    subjects: SUBJECTS.filter((subject) => fleet[SUBJECT_OF[subject].kind].length > 0),
  };
}

/** How messages name what a host or guest is looked for by: `the label host_id`. */
export function namedBy(what: 'label' | 'tag', labels: Scope['labels']): Record<'host' | 'guest', string> {
  const words = (names: readonly string[]) => `the ${what}${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
  return { host: words(labels.hosts), guest: words(labels.guests) };
}

/** Gives each host and guest its readings; series of machines that were not asked for are left out. */
export function assignReadings(scope: Scope, answers: Answers<Reading>): FleetReadings {
  return assigned(scope, answers, (subject, found) => newestReading(SUBJECT_OF[subject].metric, found));
}

/** Gives each host and guest its samples, oldest first. */
export function assignHistory(scope: Scope, answers: Answers<Sample[]>): Omit<FleetHistory, 'hostSpanMs'> {
  return assigned(scope, answers, (subject, found) => {
    const { one, metric } = SUBJECT_OF[subject];
    return joinedHistory(one, metric, found);
  });
}

type Assigned<T> = Record<'hosts' | 'guests', Map<string, Partial<Record<MetricName, T>>>>;

function assigned<Found, T>(
  scope: Scope,
  answers: Answers<Found>,
  join: (subject: Subject, found: Found[]) => T,
): Assigned<T> {
  const fleet: Assigned<T> = { hosts: new Map(), guests: new Map() };
  for (const subject of scope.subjects) {
    const { kind, metric } = SUBJECT_OF[subject];
    for (const [id, found] of byId(scope, kind, answers[subject] ?? [])) {
      fleet[kind].set(id, { ...fleet[kind].get(id), [metric]: join(subject, found) });
    }
  }
  return fleet;
}

/** The series of each host or guest: those that bear its very name, or else those of the one name that is like it. */
function byId<Found>(scope: Scope, kind: 'hosts' | 'guests', series: readonly Series<Found>[]): Map<string, Found[]> {
  const exact = new Map<string, Found[]>();
  const alike = new Map<string, Map<string, Found[]>>();
  for (const { labels, found } of series) {
    const meant = meantBy(scope, kind, labels);
    if (meant === undefined) continue;
    if (meant.alike === undefined) append(exact, meant.id, found);
    else {
      const names = alike.get(meant.id) ?? new Map<string, Found[]>();
      alike.set(meant.id, names);
      append(names, meant.alike, found);
    }
  }
  for (const [id, names] of alike) {
    const [only, ...others] = names.values();
    if (only !== undefined && others.length === 0 && !exact.has(id)) exact.set(id, only);
  }
  return exact;
}

function append<Found>(all: Map<string, Found[]>, key: string, found: Found): void {
  const others = all.get(key);
  if (others) others.push(found);
  else all.set(key, [found]);
}

function meantBy(scope: Scope, kind: 'hosts' | 'guests', labels: Readonly<Record<string, string>>): Meant | undefined {
  let alike: Meant | undefined;
  for (const label of scope.labels[kind]) {
    const value = labels[label];
    const meant = value === undefined ? undefined : scope.directories[kind].find(value);
    if (meant !== undefined && meant.alike === undefined) return meant;
    alike ??= meant;
  }
  return alike;
}
