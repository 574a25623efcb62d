import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { NewEvent } from '../journal/events.js';
import type { Journal } from '../journal/journal.js';
import type { OperatorPause } from '../journal/memory.js';

/** What the events of the whole service are called after, where those of a rule have its name. */
export const SERVICE = 'automigrate';

/** Holds the whole service: while it is paused no alert is taken on and no migration begins. */
export interface Pause {
  /** Who holds the service, and why; undefined while nobody does. */
  current(): OperatorPause | undefined;
  /**
   * Pauses, or takes the place of the pause that is: from the call on nothing begins.
   * @param request - `forMs`: it ends by itself after this; absent: when somebody resumes.
   * @throws JournalError where it could not be kept; then it does not hold.
   */
  begin(request: { by: string; reason: string; forMs?: number }): Promise<OperatorPause>;
  /**
   * Ends it.
   * @returns whether there was one.
   * @throws JournalError where that could not be kept; then it goes on.
   */
  end(by: string): Promise<boolean>;
  /** Sees to the end of a pause that a former process left. */
  wake(): void;
}

/** The sentence of a pause, as answers and rows have it. */
export function operatorPauseText({ by, reason, until }: OperatorPause): string {
  return `automigrate is paused by ${by}${until === undefined ? '' : ` until ${until}`}: ${reason}`;
}

/** Makes it; the pause stands in the journal, over restarts. */
export function createPause({
  journal,
  clock,
  log,
  signal,
}: {
  journal: Journal;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Pause {
  /** Holds already while it is being written: what begins meanwhile would come after the answer. */
  let beingKept: OperatorPause | undefined;
  let ending: AbortController | undefined;

  /** The pause whose end was worked out last, and when that is by the clock that nobody sets, ms. */
  let timed: { pause: OperatorPause; endsAt: number } | undefined;

  /**
   * For how long a pause goes on, ms: by elapsed time once it is known here, for the machine's clock may be set meanwhile. One
   * that a former process left and that a clock which was ahead has dated is of unknown age: it lasts its whole length.
   */
  const leftOf = (pause: OperatorPause): number => {
    if (pause.until === undefined) return Infinity;
    if (timed?.pause.since !== pause.since || timed.pause.until !== pause.until) {
      const [since, until] = [Date.parse(pause.since), Date.parse(pause.until)];
      const left = Math.min(until - clock.now(), until - since);
      timed = { pause, endsAt: clock.monotonic() + left };
    }
    return timed.endsAt - clock.monotonic();
  };

  const isOver = (pause: OperatorPause) => leftOf(pause) <= 0;

  const clear = async (by: string, notes: string): Promise<void> => {
    const event: NewEvent = { obj_name: SERVICE, user: by, action: 'resumed', notes };
    await journal.commit({ events: [event], memory: ({ paused: _ended, ...memory }) => memory });
    log.info({ by }, 'resumed');
  };

  /** Records that a pause is over when its time has come; it has ended by then even where that cannot be recorded. */
  const endInTime = async (pause: OperatorPause): Promise<void> => {
    ending?.abort(new Error('the pause has been changed'));
    ending = new AbortController();
    const changed = AbortSignal.any([signal, ending.signal]);
    try {
      while (!isOver(pause)) await clock.sleep(leftOf(pause), changed);
      await clear('system', `the pause of ${pause.by} is over: ${pause.reason}`);
    } catch (error) {
      if (!changed.aborted) log.error({ err: error }, 'the end of the pause could not be recorded');
    }
  };

  return {
    current() {
      const pause = beingKept ?? journal.memory().paused;
      return pause && !isOver(pause) ? pause : undefined;
    },
    async begin({ by, reason, forMs }) {
      const now = clock.now();
      const pause: OperatorPause = {
        by,
        reason,
        since: new Date(now).toISOString(),
        ...(forMs !== undefined && { until: new Date(now + forMs).toISOString() }),
      };
      beingKept = pause;
      try {
        const event: NewEvent = {
          obj_name: SERVICE,
          user: by,
          action: 'paused',
          notes: { text: operatorPauseText(pause), ...pause },
        };
        await journal.commit({ events: [event], memory: (memory) => ({ ...memory, paused: pause }) });
      } finally {
        if (beingKept === pause) beingKept = undefined;
      }
      log.warn({ ...pause }, 'paused');
      ending?.abort(new Error('the pause has been changed'));
      if (pause.until !== undefined) void endInTime(pause);
      return pause;
    },
    async end(by) {
      const pause = this.current();
      if (!pause) return false;
      await clear(by, `${by} has ended the pause of ${pause.by}: ${pause.reason}`);
      ending?.abort(new Error('the pause has been ended'));
      return true;
    },
    wake() {
      const { paused } = journal.memory();
      if (paused?.until !== undefined) void endInTime(paused);
    },
  };
}
