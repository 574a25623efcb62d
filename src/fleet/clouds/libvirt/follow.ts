import type { MigrationState } from '../../fleet.js';
import { concernOf } from './concern.js';
import type { Job } from './parse.js';
import { parseJob, parseState } from './parse.js';

/** What one host's daemon tells of one guest. */
export type Sight =
  | { at: 'absent' }
  /** Defined or active there. */
  | { at: 'present'; state: string; reason: string; job?: Job }
  /** The daemon cannot be asked. */
  | { at: 'unknown'; error: unknown };

/** What is seen of a move. */
export interface Sights {
  source: { id: string; sight: Sight };
  target: { id: string; sight: Sight };
  /** Whether the virsh that asked for it is still waiting for the end. */
  asking: boolean;
  /** Why it failed, in virsh's words, where they are known. */
  failure?: string;
}

/** What the sights come to: a state, an error to tell, or nothing, so that the other hosts have to be asked. */
export type Verdict =
  { verdict: 'state'; state: MigrationState } | { verdict: 'fault'; error: unknown } | { verdict: 'elsewhere' };

/** The commands whose outputs {@link toSight} reads. */
export function sightCommands(uuid: string): string[] {
  return [`domstate --domain ${uuid} --reason`, `domjobinfo --domain ${uuid}`];
}

/** @returns undefined if the words are not those of a daemon that does not know the guest. */
export function toSight([domstate = '', domjobinfo = '']: readonly string[], words: string): Sight | undefined {
  const state = parseState(domstate);
  if (!state) return /failed to get domain|Domain not found/i.test(words) ? { at: 'absent' } : undefined;
  const job = parseJob(domjobinfo);
  return { at: 'present', ...state, ...(job && { job }) };
}

/** Whether the guest is active there, and not just being taken in. */
export function isActive(sight: Sight): sight is Extract<Sight, { at: 'present' }> {
  return sight.at === 'present' && sight.state !== 'shut off' && !isIncoming(sight);
}

/** A paused copy that waits for the rest of its memory. On its source a guest is so only while its job goes on. */
function isIncoming(sight: Sight): boolean {
  return sight.at === 'present' && sight.state === 'paused' && sight.reason === 'migrating' && !sight.job;
}

/** Without a copy on the target it has ended on its source, though a virsh may wait for that migration for ever. */
function isOff(sight: Sight): boolean {
  return sight.at === 'present' && sight.state === 'shut off' && !sight.job;
}

/** Whether a migration away from there goes on. Old versions do not tell what kind of job it is. */
export function isLeaving(sight: Sight): sight is Extract<Sight, { at: 'present' }> & { job: Job } {
  return sight.at === 'present' && sight.job !== undefined && /^(Outgoing migration)?$/.test(sight.job.operation);
}

/** Why a guest cannot go on: the copy broke off after it had begun to run on the target, and each host has a part of its memory. */
const POSTCOPY_FAILED =
  'post-copy broke off, each host has a part of its memory: virsh migrate --postcopy-resume goes on if both still hold it';

function brokeInPostcopy(sight: Sight): boolean {
  return sight.at === 'present' && sight.reason === 'post-copy failed';
}

/**
 * Judges a move by nothing but what the two daemons tell, so that it can be followed after a restart. The source knows best
 * while it has a job; after that the guest is where it is active.
 */
export function judgeMove({ source, target, asking, failure }: Sights): Verdict {
  const state = (is: MigrationState): Verdict => ({ verdict: 'state', state: is });
  const settled = (status: string, hostId: string) => state({ phase: 'settled', status, hostId });

  const broken = [target, source].find(({ sight }) => brokeInPostcopy(sight));
  if (broken) {
    // Its job stands for ever, though nothing goes on any more.
    return state({ phase: 'failed', status: 'postcopy_failed', reason: POSTCOPY_FAILED, hostId: broken.id });
  }
  if (isLeaving(source.sight)) {
    const { progress } = source.sight.job;
    return state({ phase: 'moving', status: 'migrating', ...(progress !== undefined && { progress }) });
  }
  if (asking && !(isOff(source.sight) && target.sight.at === 'absent')) {
    return state({ phase: 'moving', status: 'migrating' });
  }
  // It runs there, and still lacks what only the source has.
  if (isActive(target.sight) && target.sight.reason === 'post-copy')
    return state({ phase: 'moving', status: 'post-copy' });
  if (isActive(target.sight) && source.id !== target.id) return settled(target.sight.state, target.id);
  if (isActive(source.sight)) {
    if (failure === undefined) return settled(source.sight.state, source.id);
    const concern = concernOf(failure, target.sight.at !== 'unknown');
    return state({ phase: 'failed', status: 'migrate_failed', reason: failure, hostId: source.id, ...concern });
  }
  for (const { sight } of [source, target]) {
    if (sight.at === 'unknown') return { verdict: 'fault', error: sight.error };
  }
  // The source has let go of it and the target has not let it run yet.
  if (isIncoming(target.sight)) return state({ phase: 'moving', status: 'arriving' });
  return { verdict: 'elsewhere' };
}
