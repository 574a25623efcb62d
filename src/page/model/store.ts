import { useEffect, useState } from 'preact/hooks';
import type { EventWithText, FleetSummary, PlanView, RuleFile, RuleStatus, Status } from './api.js';
import { ApiError, ask, token } from './api.js';
import { follow } from './follow.js';

/** How the page stands with the receiver. */
export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  /** Since when nothing came, ms since the epoch. */
  | { state: 'gone'; since: number; why: string }
  /** A token is asked for; `wrong`: the one that was given is not valid. */
  | { state: 'locked'; wrong: boolean }
  /** No token can let anybody in. */
  | { state: 'closed'; why: string };

/** All that the page knows. */
export interface Model {
  connection: Connection;
  status?: Status;
  fleet?: FleetSummary;
  fleetProblem?: string;
  rules: RuleFile[];
  ruleProblems: string[];
  standings: RuleStatus[];
  plans: PlanView[];
  /** The newest, oldest first, without a gap. */
  events: EventWithText[];
}

/** Events that are kept; the story asks for older ones by itself. */
const MOST_EVENTS = 2000;
const FIRST_EVENTS = 400;
/** How often the fleet is asked, ms: a large one less often, for it is megabytes. */
const fleetPauseMs = (hosts: number): number => (hosts > 2000 ? 30_000 : 10_000);

/** The page's own memory: told by the stream, completed by questions. */
export class Store {
  model: Model = {
    connection: { state: 'connecting' },
    rules: [],
    ruleProblems: [],
    standings: [],
    plans: [],
    events: [],
  };
  readonly #listeners = new Set<() => void>();
  #stop: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(change: Partial<Model>): void {
    this.model = { ...this.model, ...change };
    for (const listener of this.#listeners) listener();
  }

  /** Begins, or begins anew with another token. */
  start(): void {
    this.#stop?.();
    const end = follow('/api/stream', {
      lastId: () => this.model.events.at(-1)?.id,
      onOpen: () => {
        this.#set({ connection: { state: 'live' } });
        void this.#loadAll();
      },
      onGone: ({ message }) => {
        const { connection } = this.model;
        if (connection.state !== 'gone') this.#set({ connection: { state: 'gone', since: Date.now(), why: message } });
      },
      onRefused: (error) => this.#refused(error),
      onMessage: ({ event, data }) => {
        if (event === 'status') this.#onStatus(JSON.parse(data) as Status);
        if (event === 'journal') this.#onEvent(JSON.parse(data) as EventWithText);
        if (event === 'reset') void this.#loadEvents();
      },
    });
    const onVisible = () => {
      if (!document.hidden) void this.loadFleet();
    };
    document.addEventListener('visibilitychange', onVisible);
    this.#stop = () => {
      end();
      clearTimeout(this.#timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }

  /** Tries a token. */
  unlock(given: string): void {
    token.set(given);
    this.#set({ connection: { state: 'connecting' } });
    this.start();
  }

  #refused(error: ApiError): void {
    this.#stop?.();
    if (error.status === 403) this.#set({ connection: { state: 'closed', why: error.message } });
    else this.#set({ connection: { state: 'locked', wrong: token.get() !== null } });
    token.forget();
  }

  async #loadAll(): Promise<void> {
    await Promise.all([this.loadRules(), this.loadPlans(), this.#loadEvents(), this.loadFleet()]);
  }

  /** A question that may fail: the stream tells by itself that the receiver is gone. */
  async #ask<Answer>(path: string): Promise<Answer | undefined> {
    try {
      return await ask<Answer>(path);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.#refused(error);
      return undefined;
    }
  }

  async #loadEvents(): Promise<void> {
    const answer = await this.#ask<{ events: EventWithText[] }>(`/api/events?limit=${FIRST_EVENTS}`);
    if (!answer) return;
    const [first] = answer.events;
    // What came by the stream meanwhile may be newer; older ones only without a gap.
    const last = answer.events.at(-1)?.id ?? 0;
    const newer = this.model.events.filter(({ id }) => id > last);
    const older = this.model.events.some(({ id }) => id === first?.id)
      ? this.model.events.filter(({ id }) => id < (first?.id ?? 0))
      : [];
    this.#set({ events: [...older, ...answer.events, ...newer].slice(-MOST_EVENTS) });
  }

  async loadRules(): Promise<void> {
    const answer = await this.#ask<{ rules: RuleFile[]; problems: string[]; standings: RuleStatus[] }>('/api/rules');
    if (answer) this.#set({ rules: answer.rules, ruleProblems: answer.problems, standings: answer.standings });
  }

  async loadPlans(): Promise<void> {
    const answer = await this.#ask<{ plans: PlanView[] }>('/api/plans');
    if (answer) this.#set({ plans: answer.plans });
  }

  async loadFleet(): Promise<void> {
    clearTimeout(this.#timer);
    if (!document.hidden && this.model.connection.state === 'live') {
      try {
        const fleet = await ask<FleetSummary>('/api/fleet?detail=summary');
        const { fleetProblem: _gone, ...rest } = this.model;
        this.model = rest;
        this.#set({ fleet });
      } catch (error) {
        if (error instanceof ApiError && error.status > 0) this.#set({ fleetProblem: error.message });
      }
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.loadFleet(), fleetPauseMs(this.model.fleet?.hosts.length ?? 0));
  }

  #onStatus(status: Status): void {
    const before = this.model.status;
    this.#set({ status });
    if (before && before.plans_waiting !== status.plans_waiting) void this.loadPlans();
    // A guest that has arrived changes what every host reads.
    if (before?.batch && !status.batch) void this.loadFleet();
  }

  #onEvent(event: EventWithText): void {
    if (this.model.events.some(({ id }) => id === event.id)) return;
    this.#set({ events: [...this.model.events, event].sort((a, b) => a.id - b.id).slice(-MOST_EVENTS) });
    if (['recommended', 'approved', 'dismissed'].includes(event.action)) void this.loadPlans();
    if (RULE_ACTIONS.includes(event.action)) void this.loadRules();
    if (event.action === 'migrate_success') void this.loadFleet();
  }
}

const RULE_ACTIONS: readonly string[] = ['create', 'changed', 'deleted', 'recommend_mode', 'foreign_move', 'verified'];

export const store = new Store();

/** What the page knows, kept up to date. */
export function useModel(): Model {
  const [model, set] = useState(store.model);
  useEffect(() => {
    set(store.model);
    return store.subscribe(() => set(store.model));
  }, []);
  return model;
}

/** The present moment, ms since the epoch, told anew every second. */
export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
