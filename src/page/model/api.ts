import type { Plan } from '../../balancer/index.js';
import type { HostView } from '../../decide/host-view.js';
import type { Host } from '../../fleet/fleet.js';
import type { StatusAnswer } from '../../http/operator-routes.js';
import type { ApprovalAnswer, PlanView, RuleStatus } from '../../intake/views.js';
import type { BatchEnding } from '../../journal/journal.js';
import type { EventWithText } from '../../journal/events.js';
import type { RuleFile } from '../../rules/rule.js';

export type { ApprovalAnswer, BatchEnding, EventWithText, HostView, Plan, PlanView, RuleFile, RuleStatus };

/** How the service stands, as `/api/status` tells it. */
export type Status = StatusAnswer;

/** A host as `/api/fleet?detail=summary` tells it. */
export type HostSummary = Omit<Host, 'history'> & {
  guest_count: number;
  guest_vcpus: number;
  /** MiB. */
  guest_memory: number;
};

/** The fleet without its guests. */
export interface FleetSummary {
  taken_at: string;
  guests: number;
  hosts: HostSummary[];
}

/** A refusal, or no answer at all. */
export class ApiError extends Error {
  /** 0 where nothing answered. */
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.body = body;
  }
}

const KEY = 'automigrate-token';

/** The token of the API, kept as long as the tab. */
export const token = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set: (value: string): void => sessionStorage.setItem(KEY, value),
  forget: (): void => sessionStorage.removeItem(KEY),
};

/** Headers that let one in. */
export function credentials(): Record<string, string> {
  const held = token.get();
  return held === null ? {} : { Authorization: `Bearer ${held}` };
}

/**
 * Asks the API.
 * @throws ApiError with what it refused, or with status 0 if nothing answered.
 */
export async function ask<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return request<Answer>(path, { headers: credentials(), ...(signal && { signal }) });
}

/**
 * Has the API do something.
 * @throws ApiError as {@link ask}.
 */
export async function tell<Answer>(path: string, body: object): Promise<Answer> {
  const headers = { 'Content-Type': 'application/json', ...credentials() };
  return request<Answer>(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function request<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(path, init).catch((error: unknown) => {
    throw new ApiError(0, {}, error instanceof Error ? error.message : String(error));
  });
  const answer = await (response.json() as Promise<unknown>).catch(() => ({}));
  if (!response.ok) throw problemOf(response.status, answer);
  return answer as Answer;
}

/** A refusal in the words of the API. */
export function problemOf(status: number, answer: unknown): ApiError {
  const body = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const { reasons, problems, text, message, error } = body;
  const fields = Array.isArray(problems)
    ? (problems as { field: string; message: string }[]).map((each) => `${each.field}: ${each.message}`)
    : [];
  const said = [...(Array.isArray(reasons) ? (reasons as string[]) : []), ...fields].join('; ');
  const words = [said, text, message, error].find((each) => typeof each === 'string' && each !== '');
  return new ApiError(status, body, typeof words === 'string' ? words : `HTTP ${status}`);
}
