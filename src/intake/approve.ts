import type { ListedExclusion } from '../constraints/index.js';
import type { Snapshot } from '../fleet/fleet.js';
import type { ApprovalAnswer } from '../intake/views.js';
import type { BatchRecord } from '../journal/journal.js';
import type { MigrationNotes } from '../journal/events.js';
import type { RecommendedPlan } from '../journal/memory.js';
import type { Busy } from './busy-flag.js';
import type { PartOptions } from '../decide/part.js';
import { lookAgain } from '../decide/part.js';
import type { Relief } from '../decide/relieve.js';
import { stateOf } from '../decide/recommended-plan.js';
import { loadsBefore } from '../decide/loads-before.js';

/** Who is written down as having sent a batch that was approved. */
export const APPROVER = 'api';

/** What {@link approve} needs. */
export interface ApproveOptions extends PartOptions {
  busy: Busy;
  newBatchId: () => string;
  /** Carries the batch out; it stands in the journal and holds the flag. */
  start: (record: BatchRecord) => void;
}

/**
 * Carries out a recommended plan if it still holds on fresh readings. An approval is a person's word: windows, pauses and
 * hourly budgets do not hold it up; boundaries, the cloud's own refusals and everything that makes a move unsafe do.
 * @returns what came of it; nothing is moved that was not part of the plan.
 */
export async function approve(id: string, options: ApproveOptions): Promise<ApprovalAnswer> {
  const { journal, busy, clock } = options;
  const refused = refusal(journal.memory().plans, id, clock.now());
  if (refused) return refused;
  const batch = options.newBatchId();
  if (!(await busy.take(batch))) {
    const running = busy.holder() ?? 'of another replica';
    return { outcome: 'refused', reason: 'busy', reasons: [`batch ${running} is running`] };
  }
  let started = false;
  try {
    // Another approval may have been first while this one waited for the flag.
    const plan = journal.memory().plans.find((each) => each.id === id);
    const late = refusal(journal.memory().plans, id, clock.now());
    if (!plan || late) return late ?? { outcome: 'unknown' };
    const rule = options.rules().find(({ name }) => name === plan.rule);
    if (!rule?.enabled) return changed([`rule ${plan.rule} is gone or disabled`]);

    const approval = { refuse: (snapshot: Snapshot) => onlyThese(plan.migrations, snapshot) };
    const relief = await lookAgain({ id: batch, migrations: [] }, plan.hosts, rule, options, approval);
    options.signal.throwIfAborted();
    const reasons = whatChanged(plan, relief);
    if (reasons.length > 0) return changed(reasons);
    const loads = relief.seen && loadsBefore(relief.seen.plan, relief.seen.snapshot);
    const record: BatchRecord = {
      id: batch,
      sender: APPROVER,
      accepted_at: new Date(clock.now()).toISOString(),
      // What was approved is these moves: nothing else is tried in their place.
      parts: [{ rule: rule.name, hosts: plan.hosts, done: false, retried: true, ...(loads && { loads }) }],
      migrations: relief.migrations,
    };
    const needed = new Set(relief.migrations.map(({ notes }) => notes.guest.id));
    const left = plan.migrations.filter(({ guest }) => !needed.has(guest.id)).map(({ guest }) => guest.name);
    const notes = { plan: id, ...(left.length > 0 && { no_longer_needed: left }) };
    await journal.commit({
      events: [{ obj_name: rule.name, user: APPROVER, action: 'approved', notes, batch }],
      batch: record,
      memory: (memory) => ({
        ...memory,
        plans: memory.plans.map((each) => (each.id === id ? { ...each, state: 'approved', by: batch } : each)),
      }),
    });
    started = true;
    options.start(record);
    return {
      outcome: 'accepted',
      batch,
      plan: id,
      rules: [rule.name],
      ...(left.length > 0 && { no_longer_needed: left }),
    };
  } finally {
    if (!started) await busy.release(batch);
  }
}

function changed(reasons: string[]): ApprovalAnswer {
  return { outcome: 'refused', reason: 'changed', reasons };
}

function refusal(plans: readonly RecommendedPlan[], id: string, now: number): ApprovalAnswer | undefined {
  const plan = plans.find((each) => each.id === id);
  if (!plan) return { outcome: 'unknown' };
  const state = stateOf(plan, now);
  switch (state) {
    case 'open':
      return undefined;
    case 'approved':
      return { outcome: 'refused', reason: 'approved', reasons: [`plan ${id} was approved as batch ${plan.by}`] };
    case 'superseded':
      return {
        outcome: 'refused',
        reason: 'superseded',
        reasons: [`plan ${plan.by} has taken the place of plan ${id}`],
      };
    case 'expired':
      return { outcome: 'refused', reason: 'expired', reasons: [`plan ${id} expired at ${plan.expires_at}`] };
  }
}

/** Rules out every move that is not among these. */
function onlyThese(planned: readonly MigrationNotes[], { hosts, guests }: Snapshot): ListedExclusion[] {
  const targetOf = new Map(planned.map(({ guest, target_host }) => [guest.id, target_host.id]));
  const sources = new Set(planned.map(({ guest }) => guest.host_id));
  const targets = new Set(targetOf.values());
  const reason = 'not_in_plan';
  return [
    ...hosts
      .filter(({ id }) => !targets.has(id))
      .map(({ id }) => ({ hostId: id, reason, text: 'no target of the plan' }) as const),
    ...guests.flatMap((guest): ListedExclusion[] => {
      const target = targetOf.get(guest.id);
      if (target === undefined) {
        return sources.has(guest.host_id) ? [{ guestId: guest.id, reason, text: 'not part of the plan' }] : [];
      }
      const others = [...targets].filter((id) => id !== target);
      return others.map((hostId) => ({
        guestId: guest.id,
        hostId,
        reason,
        text: `not the target of guest ${guest.name}`,
      }));
    }),
  ];
}

/** Why a plan does not hold; empty if it does. Fewer moves are fine where fewer relieve all that is to be relieved. */
function whatChanged(plan: RecommendedPlan, { findings, migrations, seen }: Relief): string[] {
  if (migrations.length > 0 && seen?.plan.outcome === 'migrate') return [];
  if (plan.outcome === 'partial' && migrations.length === plan.migrations.length) return [];
  if (!seen) return findings.map(({ notes }) => (typeof notes === 'string' ? notes : JSON.stringify(notes)));
  const kept = new Set(migrations.map(({ notes }) => notes.guest.id));
  const reasons = plan.migrations.flatMap((notes) => (kept.has(notes.guest.id) ? [] : [whyNot(notes, seen)]));
  return reasons.length > 0 ? reasons : [`these moves are no longer enough: ${seen.plan.notes}`];
}

function whyNot(
  { guest, target_host: target }: MigrationNotes,
  { snapshot, plan }: NonNullable<Relief['seen']>,
): string {
  const found = snapshot.guests.find(({ id }) => id === guest.id);
  if (!found) return `guest ${guest.name} is no longer known to the cloud`;
  if (found.host_id !== guest.host_id) {
    const now = snapshot.hosts.find(({ id }) => id === found.host_id)?.name ?? found.host_id;
    return `guest ${guest.name} is on host ${now} now, not on ${guest.host}`;
  }
  if (!snapshot.hosts.some(({ id }) => id === target.id)) return `host ${target.name} is no longer known to the cloud`;
  const said =
    plan.rejected.find((each) => each.guest === guest.name && each.host === target.name) ??
    plan.rejected.find((each) => each.guest === guest.name && each.host === undefined) ??
    plan.rejected.find((each) => each.host === target.name && each.guest === undefined);
  return said?.text ?? `guest ${guest.name} can no longer go to host ${target.name}`;
}
