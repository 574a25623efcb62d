import type { Clock } from '../common/clock.js';
import { FleetError } from '../fleet/fleet.js';
import type { Journal } from '../journal/journal.js';
import type { NewEvent } from '../journal/events.js';
import type { Memory, PendingVerification } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { Log } from '../common/log.js';
import type { LookAtHosts } from './host-loads.js';
import { fingerprint, modeOf, withRuleState } from './rule-mode.js';
import type { Verified } from '../journal/notes.js';
import { verify } from './predictions.js';

/** When predictions count as off, and what follows. */
export interface VerificationLimits {
  /** What a prediction may be off by: points of CPU %, or % of the host's memory. */
  tolerance: number;
  /** So many in a row put a rule into mode recommend. */
  misses: number;
}

export const DEFAULT_VERIFICATION: VerificationLimits = { tolerance: 10, misses: 3 };

/** What {@link createVerifier} needs. */
export interface VerifierOptions {
  lookAtHosts: LookAtHosts;
  journal: Journal;
  clock: Clock;
  log: Log;
  rules: () => readonly Rule[];
  /** The usual distance of two samples of the store, ms. */
  scrapeIntervalMs: number;
  signal: AbortSignal;
  limits: VerificationLimits;
}

/** A look that fails is taken again after another period, so often altogether. */
const MOST_ATTEMPTS = 3;

/** Takes the looks that stand in the journal when their time has come. */
export interface Verifier {
  /** Tells it that the journal's list may have grown; a call too many does no harm. */
  wake(): void;
  /** Resolves when it has let go, after the signal was aborted. */
  stopped(): Promise<void>;
}

const sameAs = (a: PendingVerification) => (b: PendingVerification) => a.batch === b.batch && a.rule === b.rule;

/** Asks the fleet again after batches and compares. No batch waits for it, and it holds no flag. */
export function createVerifier(options: VerifierOptions): Verifier {
  const { journal, clock, log, signal } = options;
  const waiting = new Map<string, Promise<void>>();

  const follow = async (pending: PendingVerification): Promise<void> => {
    for (let current = pending; ;) {
      // By a clock that was set back since it would lie far ahead.
      const left = Math.min(current.due_at - clock.now(), settlingMs(current, options));
      if (left > 0) await clock.sleep(left, signal);
      signal.throwIfAborted();
      const next = await look(current, options);
      if (!next) return;
      current = next;
    }
  };

  return {
    wake() {
      for (const pending of journal.memory().verifications) {
        const key = `${pending.batch} ${pending.rule}`;
        if (waiting.has(key) || signal.aborted) continue;
        const following = follow(pending)
          .catch((error: unknown) => {
            // It stands in the journal: the next start takes it up.
            if (!signal.aborted) log.error({ batch: pending.batch, err: error }, 'a batch could not be verified');
          })
          .finally(() => waiting.delete(key));
        waiting.set(key, following);
      }
    },
    stopped: async () => {
      await Promise.all(waiting.values());
    },
  };
}

/** How long it takes until every sample of the window was taken after the last move, ms. */
function settlingMs({ period_ms }: PendingVerification, { scrapeIntervalMs }: VerifierOptions): number {
  return period_ms + scrapeIntervalMs;
}

/** One look; resolves with the verification as it stands then if it has to be taken again. */
async function look(pending: PendingVerification, options: VerifierOptions): Promise<PendingVerification | undefined> {
  const { journal, clock, signal, limits } = options;
  const { batch, rule, period_ms: periodMs } = pending;
  let verified: Verified;
  try {
    const ids = pending.hosts.map(({ id }) => id);
    const loads = await options.lookAtHosts({ ids, metric: pending.metric, periodMs }, signal);
    // Where the clock was set back since, what came after the last move may be dated before it.
    const since = Math.min(pending.moved_at, clock.now() - settlingMs(pending, options));
    const events = await journal.events({ since, action: 'migrating' });
    verified = verify(pending, loads, events, limits.tolerance);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FleetError)) throw error;
    return await again(pending, error, clock.now() + settlingMs(pending, options), journal);
  }
  signal.throwIfAborted();
  const now = options.rules().find(({ name }) => name === rule);
  const events: NewEvent[] = [{ obj_name: rule, user: 'system', action: 'verified', notes: verified, batch }];
  const demotion = now && demote(verified, now, journal.memory(), limits, clock.now());
  if (demotion?.recommend) {
    events.push({ obj_name: rule, user: 'system', action: 'recommend_mode', notes: demotion.recommend.why, batch });
  }
  await journal.commit({
    events,
    memory: (memory) => {
      const verifications = memory.verifications.filter((other) => !sameAs(pending)(other));
      const rest = { ...memory, verifications };
      return demotion ? withRuleState(rest, rule, demotion) : rest;
    },
  });
  const fields = { batch, rule, outcome: verified.outcome, off_by: verified.off_by };
  options.log[verified.outcome === 'off' ? 'warn' : 'info'](fields, 'verified');
  return undefined;
}

async function again(
  pending: PendingVerification,
  error: FleetError,
  dueAt: number,
  journal: Journal,
): Promise<PendingVerification | undefined> {
  const next = { ...pending, attempts: pending.attempts + 1, due_at: dueAt };
  const isLast = next.attempts >= MOST_ATTEMPTS;
  const notes = `not verified, the fleet could not be asked ${MOST_ATTEMPTS} times: ${error.message}`;
  await journal.commit({
    ...(isLast && {
      events: [{ obj_name: pending.rule, user: 'system', action: 'metrics_fail', notes, batch: pending.batch }],
    }),
    memory: (memory) => ({
      ...memory,
      verifications: memory.verifications.flatMap((other) =>
        sameAs(pending)(other) ? (isLast ? [] : [next]) : [other],
      ),
    }),
  });
  return isLast ? undefined : next;
}

/** What a verification changes in the state of its rule; undefined if it says nothing about it. */
function demote(
  { outcome, off_by: offBy }: Verified,
  rule: Rule,
  memory: Memory,
  { misses: most, tolerance }: VerificationLimits,
  now: number,
) {
  if (outcome === 'as_predicted') return { misses: 0 };
  if (outcome !== 'off') return undefined;
  const state = memory.standings[rule.name];
  const misses = (state?.misses ?? 0) + 1;
  if (misses < most || modeOf(rule, state, 'auto').mode === 'recommend') return { misses };
  const why =
    `the predictions of rule ${rule.name} were off by more than ${tolerance} ${misses} times in a row ` +
    `(the last by ${offBy?.toFixed(1)}): it only recommends until the rule is changed`;
  const recommend = { since: new Date(now).toISOString(), fingerprint: fingerprint(rule), why };
  return { misses: 0, recommend };
}
