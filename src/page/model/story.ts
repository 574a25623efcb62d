import type { Explanation } from '../../balancer/index.js';
import type { MigrationNotes, Verified } from '../../journal/notes.js';
import type { EventWithText } from './api.js';

/** One move, from its beginning to its end. */
export interface StoryMove {
  notes: MigrationNotes;
  rule: string;
  /** ISO 8601. */
  begun?: string;
  ended?: string;
  state: 'moving' | 'moved' | 'failed';
}

/** A batch as it is told. */
export interface BatchStory {
  kind: 'batch';
  id: string;
  /** ISO 8601, of its first event. */
  at: string;
  key: number;
  rules: string[];
  /** Names of the hosts that it was about. */
  hosts: string[];
  moves: StoryMove[];
  /** Hosts that were past the threshold still, with what they read then, % or bytes. */
  stillOver: { name: string; value: number; metric: string }[];
  explanations: { rule: string; explanation: Explanation }[];
  verified: Verified[];
  events: EventWithText[];
}

/** Alerts that led to nothing, folded into one. */
export interface QuietStory {
  kind: 'quiet';
  at: string;
  until: string;
  key: number;
  counts: Record<'ignored' | 'dropped' | 'flapping', number>;
  events: EventWithText[];
}

/** Whatever stands by itself. */
export interface SingleStory {
  kind: 'single';
  at: string;
  key: number;
  event: EventWithText;
}

export type Story = BatchStory | QuietStory | SingleStory;

const QUIET = ['ignored', 'dropped', 'flapping'] as const;
type Quiet = (typeof QUIET)[number];
const isQuiet = (action: string): action is Quiet => QUIET.some((each) => each === action);

function migrationOf(event: EventWithText): MigrationNotes | undefined {
  const { notes } = event as { notes: unknown };
  return typeof notes === 'object' && notes !== null && 'guest' in notes && 'target_host' in notes
    ? (notes as MigrationNotes)
    : undefined;
}

/**
 * Groups events by what they belong to.
 * @param events - oldest first.
 * @returns newest first.
 */
export function storiesOf(events: readonly EventWithText[]): Story[] {
  const stories: Story[] = [];
  const batches = new Map<string, BatchStory>();
  let quiet: QuietStory | undefined;
  for (const event of events) {
    if (isQuiet(event.action)) {
      if (!quiet) {
        quiet = { kind: 'quiet', at: event.ops_time, until: event.ops_time, key: event.id, counts: none(), events: [] };
        stories.push(quiet);
      }
      quiet.until = event.ops_time;
      quiet.events.push(event);
      quiet.counts[event.action] += countOf(event);
      continue;
    }
    if (event.batch === undefined) {
      quiet = undefined;
      stories.push({ kind: 'single', at: event.ops_time, key: event.id, event });
      continue;
    }
    let batch = batches.get(event.batch);
    if (!batch) {
      quiet = undefined;
      batch = emptyBatch(event.batch, event);
      batches.set(event.batch, batch);
      stories.push(batch);
    }
    add(batch, event);
  }
  for (const batch of batches.values()) finish(batch);
  return stories.reverse();
}

const none = (): QuietStory['counts'] => ({ ignored: 0, dropped: 0, flapping: 0 });

/** Rows of a storm stand for many. */
function countOf(event: EventWithText): number {
  const { notes } = event as { notes: unknown };
  if (typeof notes !== 'object' || notes === null || !('count' in notes)) return 1;
  return Number(notes.count) || 1;
}

function emptyBatch(id: string, { ops_time: at, id: key }: EventWithText): BatchStory {
  const lists = { rules: [], hosts: [], moves: [], stillOver: [], explanations: [], verified: [], events: [] };
  return { kind: 'batch', id, at, key, ...lists };
}

function add(batch: BatchStory, event: EventWithText): void {
  batch.events.push(event);
  if (!batch.rules.includes(event.obj_name)) batch.rules.push(event.obj_name);
  const explanation = event.explanation as Explanation | undefined;
  if (explanation) batch.explanations.push({ rule: event.obj_name, explanation });
  if (event.action === 'verified') batch.verified.push(event.notes);
  const notes = migrationOf(event);
  if (!notes) return;
  const known = batch.moves.find((move) => move.notes.guest.id === notes.guest.id && move.state === 'moving');
  const move: StoryMove = known ?? { notes, rule: event.obj_name, state: 'moving' };
  if (!known) batch.moves.push(move);
  if (event.action === 'migrating') move.begun = event.ops_time;
  else {
    move.ended = event.ops_time;
    move.notes = notes;
    move.state = event.action === 'migrate_success' ? 'moved' : 'failed';
  }
}

function finish(batch: BatchStory): void {
  const hosts = new Set<string>();
  const left = new Map<string, BatchStory['stillOver'][number]>();
  for (const { explanation } of batch.explanations) {
    const metric = explanation.loads.some(({ full }) => full === 100) ? 'cpu.usage_active' : 'mem.available';
    for (const { name, current, removed, cleared } of explanation.sources) {
      hosts.add(name);
      if (cleared) continue;
      const isCpu = metric === 'cpu.usage_active' || current <= 100;
      left.set(name, {
        name,
        value: isCpu ? current - removed : current + removed,
        metric: isCpu ? 'cpu.usage_active' : metric,
      });
    }
  }
  for (const { notes } of batch.moves) hosts.add(notes.guest.host);
  // What was read afterwards outweighs what was foreseen.
  for (const { metric, hosts: loads } of batch.verified) {
    for (const { name, actual } of loads) {
      const known = left.get(name);
      if (known && actual !== undefined) left.set(name, { ...known, value: actual, metric });
    }
  }
  batch.hosts = [...hosts];
  batch.stillOver = [...left.values()];
}

/** How fast guests have moved of late, MiB/s: the median; undefined before there were any. */
export function usualSpeed(events: readonly EventWithText[]): number | undefined {
  const begun = new Map<string, number>();
  const speeds: number[] = [];
  for (const event of events) {
    const notes = migrationOf(event);
    if (!notes) continue;
    const key = `${event.batch ?? ''} ${notes.guest.id}`;
    if (event.action === 'migrating') begun.set(key, Date.parse(event.ops_time));
    const since = begun.get(key);
    if (event.action !== 'migrate_success' || since === undefined) continue;
    const seconds = (Date.parse(event.ops_time) - since) / 1000;
    if (seconds > 0) speeds.push(notes.guest.vmem_size / seconds);
  }
  speeds.sort((a, b) => a - b);
  return speeds[Math.floor(speeds.length / 2)];
}
