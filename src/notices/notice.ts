import type { EventAction, EventWithText } from '../journal/events.js';

/** What people outside are told of one event. */
export interface Notice {
  /** The event's id: rises, and is the same however often the notice is sent. */
  id: number;
  /** ISO 8601. */
  at: string;
  action: EventAction;
  /** The rule's name; `automigrate` where it is about the whole service. */
  rule: string;
  /** The sender of the alert, or who did it. */
  user: string;
  batch?: string;
  plan?: string;
  /** One sentence for people: {@link EventWithText}. */
  text: string;
  /** Where the page shows the plan or the batch. */
  link?: string;
  notes: unknown;
}

/** Told unless a target says otherwise: what failed, what is left to people, and that the service was held up. */
export const DEFAULT_ACTIONS: readonly EventAction[] = [
  'migrate_fail',
  'migrate_error',
  'partial',
  'find_result_fail',
  'metrics_fail',
  'decision_fail',
  'recommended',
  'recommend_mode',
  'foreign_move',
  'paused',
  'resumed',
  'stopped',
];

/** Whether an event is told by default: a pause only if a person began it, not for every alert that comes meanwhile. */
export function isToldByDefault({ action, notes }: Pick<EventWithText, 'action' | 'notes'>): boolean {
  if (action === 'paused') return typeof notes === 'object' && 'by' in notes;
  return DEFAULT_ACTIONS.includes(action);
}

/**
 * Makes the notice of an event.
 * @param publicUrl - where people reach the page; absent: without a link.
 */
export function noticeOf(event: EventWithText, publicUrl?: string): Notice {
  const { id, ops_time: at, action, obj_name: rule, user, batch, text, notes } = event;
  const plan = planOf(notes);
  const link = publicUrl === undefined ? undefined : linkTo(publicUrl, { plan, batch });
  return {
    id,
    at,
    action,
    rule,
    user,
    ...(batch !== undefined && { batch }),
    ...(plan !== undefined && { plan }),
    text,
    ...(link !== undefined && { link }),
    notes,
  };
}

function planOf(notes: unknown): string | undefined {
  const plan = typeof notes === 'object' && notes !== null && 'plan' in notes ? notes.plan : undefined;
  return typeof plan === 'string' ? plan : undefined;
}

function linkTo(publicUrl: string, { plan, batch }: { plan?: string | undefined; batch?: string | undefined }): string {
  const url = new URL(publicUrl);
  if (plan !== undefined) url.searchParams.set('plan', plan);
  else if (batch !== undefined) url.searchParams.set('batch', batch);
  return url.href;
}
