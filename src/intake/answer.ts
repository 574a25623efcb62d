/** Why alerts led to nothing although the body was fine. */
export type IgnoredReason =
  | 'resolved'
  | 'test'
  | 'no_alerts'
  | 'no_rule'
  | 'rule_disabled'
  | 'no_host'
  | 'not_over_threshold'
  | 'duplicate'
  | 'unknown_host'
  | 'outside_window'
  | 'paused'
  | 'cloud_event';

/** What a sender is told, and what stands in the journal by then. `truncated`: so many alerts it has left out of the body. */
export type WebhookAnswer =
  /** 202: a batch has been taken on. */
  | { outcome: 'accepted'; batch: string; rules: string[]; hosts: string[]; truncated?: number }
  /** 200: nothing to do; a sender must never send it again. */
  | { outcome: 'ignored'; reason: IgnoredReason; text: string; truncated?: number }
  /** 200: another batch runs. */
  | { outcome: 'dropped'; reason: 'busy'; batch: string; text: string; truncated?: number }
  /** 503: the process is going down, or cannot write its journal. */
  | { outcome: 'unavailable'; reason: 'shutting_down' | 'journal'; text: string };

/** To whoever asks while the process is going down. */
export const SHUTTING_DOWN = {
  outcome: 'unavailable',
  reason: 'shutting_down',
  text: 'the process is going down',
} as const;

/** To whoever asks for what cannot be recorded. */
export const NO_JOURNAL = { outcome: 'unavailable', reason: 'journal', text: 'the journal cannot be written' } as const;
