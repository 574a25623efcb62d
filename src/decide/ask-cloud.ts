import pMap from 'p-map';
import { errorMessage } from '../common/error-message.js';
import type { Plan, PlannedMigration } from '../balancer/index.js';
import { type CloudRefusal, cloudRefusals } from '../constraints/index.js';
import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { Cloud, Forecast } from '../fleet/fleet.js';
import { NoAnswerError, withinTime } from '../fleet/within-time.js';
import { toRequest } from '../migration/request.js';
import { allowedBy, toNotes } from './planned-records.js';
import type { Planned, Planner } from './plan-moves.js';
import { planOf } from './plan-moves.js';
import type { Step } from './walk.js';
import { ended } from './walk.js';

/** Questions to the cloud at once. */
const AT_ONCE = 8;
/** Plans that are made ahead of the cloud's answers, so that alternatives are asked about together. */
const MAX_AHEAD = 64;
/** So long at most such plans are made between two rounds of questions, ms. */
const MAX_AHEAD_MS = 200;

/** What {@link askCloud} needs. */
export interface AskCloudDeps {
  cloud: Cloud;
  planner: Planner;
  clock: Clock;
  log: Log;
  /** The longest that one answer may take, ms. */
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Asks the cloud about each move of the plan and plans anew around what it refuses, until it refuses nothing or nothing is
 * left to move. A cloud that does not answer at all ends the decision.
 */
export async function askCloud(draft: Planned, deps: AskCloudDeps): Promise<Step<Planned>> {
  const { cloud, signal } = deps;
  if (!cloud.forecast) return draft;
  const allowed = new Set<string>();
  const refusals: CloudRefusal[] = [];
  let { plan } = draft;
  let exclusions = draft.exclusions;
  try {
    for (let ahead = 0; ; ahead = Math.min(MAX_AHEAD, 2 * ahead + 1)) {
      const open = questions(plan, refusals, ahead, draft, deps).filter((move) => !allowed.has(keyOf(move)));
      const asked = await pMap(open, async (move) => ({ move, answer: await ask(move, draft, deps) }), {
        concurrency: AT_ONCE,
      });
      signal.throwIfAborted();
      for (const { move, answer } of asked) {
        if (answer.allowed) allowed.add(keyOf(move));
        else refusals.push(...refusalsOf(move, answer));
      }
      if (plan.migrations.every((move) => allowed.has(keyOf(move)))) return { ...draft, exclusions, plan };
      exclusions = [...draft.exclusions, ...cloudRefusals(refusals)];
      plan = planOf(draft, exclusions, deps);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof NoAnswerError)) throw error;
    return ended(draft, { action: 'metrics_fail', notes: error.message });
  }
}

function keyOf({ guest, target_host: target }: PlannedMigration): string {
  return JSON.stringify([guest.id, target.id]);
}

/** The moves of a plan, and of the plans that would follow if the cloud went on refusing the guests that it has refused. */
function questions(
  plan: Plan,
  refusals: readonly CloudRefusal[],
  ahead: number,
  draft: Planned,
  deps: AskCloudDeps,
): PlannedMigration[] {
  const moves = new Map(plan.migrations.map((move) => [keyOf(move), move]));
  const refused = new Set(refusals.map(({ guestId }) => guestId));
  const supposed: CloudRefusal[] = [...refusals];
  const begun = deps.clock.monotonic();
  let next = plan;
  for (let count = 0; count < ahead && deps.clock.monotonic() - begun < MAX_AHEAD_MS; count += 1) {
    const again = next.migrations.filter(({ guest }) => refused.has(guest.id));
    if (again.length === 0) break;
    supposed.push(...again.map((move) => refusal(move, 'move', 'not asked yet')));
    next = planOf(draft, [...draft.exclusions, ...cloudRefusals(supposed)], deps);
    for (const move of next.migrations) if (refused.has(move.guest.id)) moves.set(keyOf(move), move);
  }
  return [...moves.values()];
}

function refusal({ guest, target_host: target }: PlannedMigration, holdsFor: CloudRefusal['holdsFor'], text: string) {
  return { guestId: guest.id, hostId: target.id, holdsFor, text };
}

/** What an answer rules out: the move, or further targets of the guest that the cloud names with it. */
function refusalsOf(move: PlannedMigration, answer: Extract<Forecast, { allowed: false }>): CloudRefusal[] {
  const { reason, holdsFor = 'move', hosts = [] } = answer;
  const others = hosts.filter((id) => id !== move.target_host.id);
  return [
    refusal(move, holdsFor, reason),
    ...others.map((hostId) => ({ guestId: move.guest.id, hostId, holdsFor: 'move' as const, text: reason })),
  ];
}

async function ask(move: PlannedMigration, { request: { rule } }: Planned, deps: AskCloudDeps): Promise<Forecast> {
  const { cloud, signal, log, timeoutMs } = deps;
  const request = toRequest({ notes: toNotes(move), ...allowedBy(rule) });
  try {
    const what = `forecast for guest ${move.guest.name}`;
    const answer = await withinTime({ system: cloud.name, what, timeoutMs, signal }, async (within) =>
      cloud.forecast?.(request, within),
    );
    return answer ?? { allowed: true };
  } catch (error) {
    signal.throwIfAborted();
    // Each further question would take as long.
    if (error instanceof NoAnswerError) throw error;
    log.warn({ err: error, guest: move.guest.name }, 'the cloud could not be asked whether a guest may move');
    // Not knowing is not a yes.
    return { allowed: false, reason: errorMessage(error) };
  }
}
