import type { FleetReadings, MetricName, MetricsQuery, Reading, Sample } from '../fleet.js';
import type { Directory } from './names.js';
import { guestDirectory, hostDirectory } from './names.js';
import { joinedHistory, newestReading } from './series.js';

/** What is asked of a store: each is one query. */
export const SUBJECTS = ['hostCpu', 'hostMemory', 'guestCpu'] as const;
export type Subject = (typeof SUBJECTS)[number];

/** What a subject is about, and its name in errors. */
export const SUBJECT_OF: Record<Subject, { kind: 'hosts' | 'guests'; metric: MetricName; what: string }> = {
  hostCpu: { kind: 'hosts', metric: 'cpu.usage_active', what: 'CPU of hosts' },
  hostMemory: { kind: 'hosts', metric: 'mem.available', what: 'memory of hosts' },
  guestCpu: { kind: 'guests', metric: 'cpu.usage_active', what: 'CPU of guests' },
};

/** One series of a store's answer. */
export interface Series<Found> {
  labels: Readonly<Record<string, string>>;
  found: Found;
}

/** A store's answers by subject; one that was not asked is absent. */
export interface Answers {
  readings: Partial<Record<Subject, Series<Reading>[]>>;
  histories?: Partial<Record<Subject, Series<Sample[]>[]>>;
}

/** The names of the fleet that is asked for, and which labels hold them. */
export interface Scope {
  directories: Record<'hosts' | 'guests', Directory>;
  /** The first label whose value is known counts. */
  labels: Record<'hosts' | 'guests', readonly string[]>;
  /** What is worth asking: nothing of guests where there are none. */
  subjects: Subject[];
}

/** Puts together what a query is about. */
export function scopeOf(query: MetricsQuery, labels: Scope['labels']): Scope {
  return {
    directories: { hosts: hostDirectory(query.hosts), guests: guestDirectory(query.guests) },
    labels,
    subjects: SUBJECTS.filter((subject) => query[SUBJECT_OF[subject].kind].length > 0),
  };
}

/** Gives each host and guest its readings; series of machines that were not asked for are left out. */
export function assignReadings(scope: Scope, answers: Answers): FleetReadings {
  const fleet: FleetReadings = { hosts: new Map(), guests: new Map() };
  for (const subject of scope.subjects) {
    const { kind, metric } = SUBJECT_OF[subject];
    const histories = byId(scope, kind, answers.histories?.[subject] ?? []);
    for (const [id, found] of byId(scope, kind, answers.readings[subject] ?? [])) {
      const reading = newestReading(metric, found);
      if (answers.histories) reading.samples = joinedHistory(metric, histories.get(id) ?? []);
      fleet[kind].set(id, { ...fleet[kind].get(id), [metric]: reading });
    }
  }
  return fleet;
}

function byId<Found>(scope: Scope, kind: 'hosts' | 'guests', series: readonly Series<Found>[]): Map<string, Found[]> {
  const all = new Map<string, Found[]>();
  for (const { labels, found } of series) {
    const id = idOf(scope, kind, labels);
    if (id === undefined) continue;
    const others = all.get(id);
    if (others) others.push(found);
    else all.set(id, [found]);
  }
  return all;
}

function idOf(scope: Scope, kind: 'hosts' | 'guests', labels: Readonly<Record<string, string>>): string | undefined {
  for (const label of scope.labels[kind]) {
    const value = labels[label];
    const id = value === undefined ? undefined : scope.directories[kind].idOf(value);
    if (id !== undefined) return id;
  }
  return undefined;
}
