import { RULE_LABEL } from '../match.js';
import type { Rule } from '../rule.js';

/** When a sender tells of a group, s and in its words. */
export interface Timing {
  group_wait: string;
  group_interval: string;
  repeat_interval: string;
}

/** Where a sender reaches the receiver. */
export interface Door {
  /** The address of the receiver, without a path. */
  url: string;
}

/** Alerts that begin in the same evaluation are told of apart, so that no rule's batch stands in the way of another's, every time. */
const WAITS = 6;

/**
 * When the alerts of a rule are sent. `repeat_interval` is a little under a multiple of `group_interval`: an exact one is a race.
 * @param index - of the rule among all.
 */
export function timingOf(index: number): Timing {
  return { group_wait: `${5 * (1 + (index % WAITS))}s`, group_interval: '5m', repeat_interval: '9m' };
}

/** The label that picks a rule's alerts. */
export function pick({ name }: Rule): { label: string; value: string } {
  return { label: RULE_LABEL, value: name };
}

/** A door's address. */
export function doorUrl({ url }: Door, sender: 'alertmanager' | 'grafana' | 'monitor'): string {
  return `${url.replace(/\/+$/, '')}/webhooks/${sender}`;
}
