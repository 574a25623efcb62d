import type { Config } from '../../config/read-config.js';
import type { AlertingRule, FleetReadings, Inventory, Metrics, Pong } from '../../fleet/fleet.js';
import type { LoadedRules } from '../../rules/load.js';

/** What the doctor looks at. */
export const SUBJECTS = ['settings', 'journal', 'cloud', 'readings', 'rules'] as const;

/** One thing that the doctor has to say. `note`: worth knowing, and nothing is wrong. */
export interface Finding {
  subject: (typeof SUBJECTS)[number];
  verdict: 'ok' | 'note' | 'wrong';
  text: string;
  /** What to do about it. */
  remedy?: string;
}

/** What a system answered, or why it did not. */
export type Answer<T> = { ok: true; value: T } | { ok: false; text: string };

/** An answer to a ping, and our own clock when it came, ms since the epoch. */
export interface PingAnswer extends Pong {
  at: number;
}

/** Everything that the doctor has asked for; plain data to judge by. */
export interface Evidence {
  config: Pick<Config, 'host' | 'secrets' | 'dataDir' | 'rulesDir' | 'allowUnauthenticated'>;
  /** Of the settings. */
  warnings: readonly string[];
  /** Whether the journal can be written, or who has it; `absent`: the first start makes it. */
  journal: 'free' | 'absent' | { heldBy: string } | { problem: string };
  /** Why there is no cloud to ask. */
  setup: readonly string[];
  /** Absent where there is no cloud to ask. */
  cloud?: {
    name: string;
    /** Absent where the cloud is in this process. */
    ping?: Answer<PingAnswer>;
    inventory: Answer<Inventory>;
    /** What the cloud itself finds amiss, rights above all. */
    warnings: Answer<string[]>;
  };
  store?: {
    name: string;
    namedBy?: Metrics['namedBy'];
    scrapeIntervalMs: number;
    /** Absent where the readings are the cloud's own. */
    ping?: Answer<PingAnswer>;
    /** Absent where there was no inventory to ask for. */
    readings?: Answer<FleetReadings>;
    /** The window that they were asked for, ms. */
    periodMs: number;
    /** Absent where it cannot be asked. */
    names?: Answer<Record<'hosts' | 'guests', string[]>>;
    /** The alerts that it raises itself. Absent where it cannot be asked. */
    alertingRules?: Answer<AlertingRule[]>;
  };
  rules: LoadedRules;
  /** ms since the epoch. */
  now: number;
}

/** `3 hosts`. */
export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

/** The first few, and how many more. */
export function some(list: readonly string[], most = 5): string {
  const more = list.length > most ? ` and ${list.length - most} more` : '';
  return `${list.slice(0, most).join(', ')}${more}`;
}
