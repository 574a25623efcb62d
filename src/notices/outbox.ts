import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import { FORMATS } from './formats.js';
import type { Notice } from './notice.js';
import type { Attempt, Sender } from './sender.js';
import type { NoticeTarget } from './targets.js';

/** What becomes of notices, counted. */
export interface NoticeCounts {
  sent(target: string, notices: number): void;
  /** Refused, or tried for too long. */
  failed(target: string, notices: number): void;
  /** Too many were waiting. */
  dropped(target: string, notices: number): void;
}

/** What waits for one target, and the sending of it. */
export interface Outbox {
  readonly target: NoticeTarget;
  /** Takes a notice on, at once. Where too many wait the oldest is dropped. */
  add(notice: Notice): void;
  /** Begins to send; first what is older than all that was added meanwhile. */
  begin(older: readonly Notice[]): void;
  waiting(): number;
  /** Sends what still waits, for this long at most, ms, each message once, and ends. */
  stop(withinMs: number): Promise<void>;
}

/** What it takes to send. */
export interface OutboxDeps {
  send: Sender;
  clock: Clock;
  /** 0 ≤ x < 1, for the jitter between attempts. */
  random: () => number;
  log: Log;
  counts: NoticeCounts;
  /** A notice, and all before it, was sent or given up. */
  onSettled: (id: number) => void;
}

/** Notices that are put into one message, at most. */
const MOST_IN_A_MESSAGE = 20;
/** Notices that wait for one target. */
export const MOST_WAITING = 1000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** A message is given up when it has been tried for so long, ms: longer than DingTalk shuts out for. */
export const GIVE_UP_MS = 30 * 60_000;

/** Makes the outbox of a target. Nothing that goes wrong in it reaches whoever adds to it. */
export function createOutbox(target: NoticeTarget, deps: OutboxDeps): Outbox {
  const { clock, log, counts } = deps;
  const { paceMs } = FORMATS[target.format];
  const ending = new AbortController();
  const deadline = new AbortController();
  const fields = { target: target.name };
  let queue: Notice[] = [];
  let wake: () => void = () => undefined;
  let dropped = 0;
  let running: Promise<void> = Promise.resolve();
  let nextAt = 0;

  const bound = () => {
    const over = queue.length - MOST_WAITING;
    if (over <= 0) return;
    queue = queue.slice(over);
    counts.dropped(target.name, over);
    if (dropped === 0) log.warn({ ...fields, waiting: MOST_WAITING }, 'too many notices wait: the oldest are dropped');
    dropped += over;
  };

  const account = (told: readonly Notice[], attempt: Attempt) => {
    if (attempt.kind === 'delivered') {
      counts.sent(target.name, told.length);
      if (dropped > 0) log.warn({ ...fields, dropped }, 'notices were dropped, too many were waiting');
      dropped = 0;
    } else {
      counts.failed(target.name, told.length);
      const events = told.map(({ id }) => id);
      log.error({ ...fields, events, reason: attempt.reason }, 'notices were not delivered');
    }
    const last = told.at(-1);
    if (last) deps.onSettled(last.id);
  };

  /** Sleeps; not at all when it is to end. */
  const pause = (ms: number) => clock.sleep(ms, ending.signal).catch(() => undefined);

  /** Tries a message until it is delivered or given up. */
  const tried = async (notices: readonly Notice[]): Promise<Attempt> => {
    const since = clock.monotonic();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      nextAt = clock.monotonic() + paceMs;
      const attempt = await deps.send(notices, deadline.signal);
      const tookMs = clock.monotonic() - since;
      if (attempt.kind !== 'later' || tookMs >= GIVE_UP_MS || ending.signal.aborted) return attempt;
      const { reason, waitMs = 0 } = attempt;
      if (pauseMs === FIRST_PAUSE_MS)
        log.warn({ ...fields, reason }, 'a notice was not delivered yet: it is tried again');
      await pause(Math.max(pauseMs * (0.5 + deps.random()), Math.min(waitMs, GIVE_UP_MS), paceMs));
    }
  };

  const run = async (): Promise<void> => {
    for (let last = false; !last;) {
      while (queue.length === 0 && !ending.signal.aborted) await new Promise<void>((resolve) => (wake = resolve));
      await pause(nextAt - clock.monotonic());
      // What is to be sent must not be dropped meanwhile.
      const message = queue.splice(0, MOST_IN_A_MESSAGE);
      if (message.length === 0) return;
      const isEnding = ending.signal.aborted;
      const attempt = await tried(message).catch((error: unknown) => {
        queue = [...message, ...queue];
        throw error;
      });
      const left = attempt.kind === 'later' && ending.signal.aborted;
      const told = left ? [] : message.slice(0, attempt.notices);
      queue = [...message.slice(told.length), ...queue];
      bound();
      if (told.length > 0) account(told, attempt);
      // Sent too fast, messages would be refused: what is left is sent after the next start.
      last = left || (isEnding && paceMs > 0);
    }
  };

  return {
    target,
    add(notice) {
      queue.push(notice);
      bound();
      wake();
    },
    begin(older) {
      if (ending.signal.aborted) return;
      const first = queue[0]?.id ?? Infinity;
      queue = [...older.filter(({ id }) => id < first), ...queue];
      bound();
      running = run().catch((error: unknown) => {
        if (!deadline.signal.aborted) log.error({ ...fields, err: error }, 'notices are no longer sent');
      });
    },
    waiting: () => queue.length,
    async stop(withinMs) {
      ending.abort(new Error('the service is stopping'));
      wake();
      const over = new AbortController();
      const late = clock.sleep(withinMs, over.signal).then(
        () => deadline.abort(new Error('the service has to end')),
        () => undefined,
      );
      await Promise.race([running, late]);
      over.abort();
      await running;
      if (queue.length > 0) log.warn({ ...fields, waiting: queue.length }, 'notices are left for the next start');
    },
  };
}
