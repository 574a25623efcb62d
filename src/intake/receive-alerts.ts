import type { Alert } from '../alerts/alert.js';
import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { HostIndex } from '../fleet/find-host.js';
import { findHost } from '../fleet/find-host.js';
import type { BatchPart, BatchRecord, Journal } from '../journal/journal.js';
import { JournalError } from '../journal/journal.js';
import type { MatchedAlert, Rule } from '../rules/rule.js';
import type { IgnoredReason, WebhookAnswer } from './answer.js';
import { linksTo } from './batch-record.js';
import type { Busy } from './busy-flag.js';
import type { CoalescedEvents, EventOfNothing } from './coalesced-events.js';
import type { FlapWatch } from './flapping.js';
import { flappingText } from './flapping.js';
import type { LaterLook, LaterLooks } from './later-looks.js';
import type { Pause } from './pause.js';
import { operatorPauseText } from './pause.js';
import type { Runner } from './run-batches.js';
import type { MatchedPart } from './sort-alerts.js';
import { sortAlerts } from './sort-alerts.js';
import { suspendedEvent, applyWindowsAndPauses } from './windows-and-pauses.js';

/** What it takes to say what becomes of an alert. */
export interface ReceiveDeps {
  journal: Journal;
  /** The rules as they are now. */
  rules: () => readonly Rule[];
  busy: Busy;
  /** Whether anything is taken on at all. */
  pause: Pick<Pause, 'current'>;
  runner: Runner;
  /** Rows of what comes to nothing. */
  rows: CoalescedEvents;
  flapping: FlapWatch;
  looks: LaterLooks;
  /** The hosts of the last inventory by what alerts call them; undefined before there is one. */
  hosts: () => HostIndex | undefined;
  /** Told of names that no host has: there may be a new one. */
  onUnknownHosts: () => void;
  newBatchId: () => string;
  clock: Clock;
  log: Log;
  /** Whether an alert that was dropped is looked at when the batch has ended. */
  looksAgain: boolean;
  /** Aborted when the service stops: from then on nothing is taken on. */
  signal: AbortSignal;
}

/** An alert delivered again within this time, ms, is the same delivery (a second language, the other of a pair). */
const DUPLICATE_WINDOW_MS = 30_000;

/** A look that the journal refused is tried again after this, ms. */
const RETRY_LOOK_MS = 60_000;

/** Hosts that an answer or a sentence names; the others are counted. */
const MOST_NAMED = 20;

/** Decides, within the request, whether alerts go on: what is ignored, suspended, joined, dropped, accepted. */
export function createReceiver(deps: ReceiveDeps) {
  const { journal, busy, runner, rows, flapping, looks, clock, log } = deps;
  const taken = new Map<string, number>();
  /** Resolves when the batch that is being opened, if any, runs or has come to nothing. */
  let opening: Promise<unknown> = Promise.resolve();

  const isDuplicate = ({ key }: Alert): boolean => {
    const now = clock.monotonic();
    // The map is in the order of time: the first that is young enough ends the search.
    for (const [known, at] of taken) {
      if (now - at <= DUPLICATE_WINDOW_MS) break;
      taken.delete(known);
    }
    return taken.has(key);
  };

  /** Whose alerts were not taken on after all may come again at once. */
  const forget = (parts: readonly MatchedPart[]) => {
    for (const { alerts } of parts) for (const { key } of alerts) taken.delete(key);
  };

  const remember = (parts: readonly MatchedPart[]) => {
    for (const { alerts } of parts) {
      for (const { key } of alerts) {
        taken.delete(key);
        taken.set(key, clock.monotonic());
      }
    }
  };

  const ignore = async (alerts: readonly Alert[], reason: IgnoredReason, text: string): Promise<WebhookAnswer> => {
    const [first] = alerts;
    if (first) {
      const event = { obj_name: first.name, user: first.sender, notes: `${reason}: ${text}` };
      await rows.record({ ...event, action: 'ignored' }, reason);
    }
    return { outcome: 'ignored', reason, text };
  };

  const noteFlapping = async (alerts: readonly MatchedAlert[]): Promise<void> => {
    const events = flapping.note(alerts, clock.monotonic()).map((each): EventOfNothing => {
      const { rule, alert } = each;
      return { obj_name: rule, user: alert.sender, action: 'flapping', notes: flappingText(each) };
    });
    await Promise.all(events.map((event) => rows.record(event, 'flapping')));
  };

  /** Leaves out hosts that no inventory knows: noise must not keep the flag from an alert that matters. */
  const knownHostsOnly = (parts: readonly MatchedPart[]) => {
    const index = deps.hosts();
    if (!index) return { known: [...parts], unknown: [] };
    const known: MatchedPart[] = [];
    const unknown: { part: MatchedPart; words: string[]; text: string }[] = [];
    for (const part of parts) {
      const hosts = part.hosts.filter((words) => {
        const found = findHost(words, index);
        if (found.found === 'unknown') unknown.push({ part, words, text: found.text });
        return found.found !== 'unknown';
      });
      if (hosts.length > 0) known.push({ ...part, hosts });
    }
    return { known, unknown };
  };

  const drop = async (sender: string, parts: readonly MatchedPart[], holder: string): Promise<WebhookAnswer> => {
    // Nothing runs and the flag is held: somebody approves a plan, which may come to nothing.
    const isLooking = busy.holder() === holder && runner.view()?.id !== holder;
    const text = isLooking
      ? `an approval, batch ${holder}, only looks yet; alerts that come meanwhile are dropped if it moves guests, and else looked at again`
      : `batch ${holder} is running; alerts that come meanwhile are dropped`;
    await Promise.all(
      parts.map(({ rule, hosts }) => {
        const event = { obj_name: rule.name, user: sender, notes: `${text} (hosts: ${named(hosts)})`, batch: holder };
        if (deps.looksAgain || isLooking)
          looks.add({ rule: rule.name, sender, because: 'dropped', dueAt: Infinity }, hosts);
        return rows.record({ ...event, action: 'dropped' }, 'busy');
      }),
    );
    return { outcome: 'dropped', reason: 'busy', batch: holder, text };
  };

  /** Opens a batch, joins the one that only looks, or says that another one holds the flag. */
  const takeOn = async (
    sender: string,
    parts: readonly BatchPart[],
  ): Promise<{ batch: string } | { holder: string }> => {
    const id = deps.newBatchId();
    for (let isFirstTry = true; ; isFirstTry = false) {
      if (await busy.take(id)) {
        const opened = openBatch(id, sender, parts);
        opening = opened.catch(() => undefined);
        await opened;
        return { batch: id };
      }
      await opening;
      const joined = await runner.join(parts);
      if (joined !== undefined) return { batch: joined };
      deps.signal.throwIfAborted();
      const holder = busy.holder();
      // The batch may have ended while this waited for its turn: then the flag is free.
      if (holder !== undefined || !isFirstTry) return { holder: holder ?? 'of another replica' };
    }
  };

  const openBatch = async (id: string, sender: string, parts: readonly BatchPart[]): Promise<void> => {
    try {
      // A batch that a stopping service has let go of stands in the journal: a new one must not take its place there.
      deps.signal.throwIfAborted();
      const accepted_at = new Date(clock.now()).toISOString();
      const record: BatchRecord = { id, sender, accepted_at, parts: [...parts], migrations: [] };
      await journal.commit({ batch: record });
      const rules = parts.map(({ rule }) => rule);
      log.info({ batch: id, sender, rules, hosts: named(parts.flatMap(({ hosts }) => hosts)) }, 'accepted');
      runner.start(record);
    } catch (error) {
      await busy.release(id);
      throw error;
    }
  };

  const lookAgainAt = async ({ rule: name, sender, hosts, because, dueAt }: LaterLook): Promise<void> => {
    const rule = deps.rules().find((each) => each.name === name);
    const index = deps.hosts();
    // It may have been resolved while a batch still looked.
    const firing = hosts.filter(([word]) => !flapping.isResolved(name, word));
    const known = because === 'unknown_host' && index ? firing.filter((words) => isKnown(words, index)) : firing;
    if (!rule?.enabled || known.length === 0) return;
    const { go, suspended } = applyWindowsAndPauses(
      [{ rule, hosts: known, alerts: [] }],
      journal.memory(),
      clock.now(),
    );
    await Promise.all(suspended.map((part) => rows.record(suspendedEvent(part, sender), part.reason)));
    if (go.length === 0) return;
    // After one look for want of a settled mean the next alert will tell; any other reason leaves that look open.
    const again = because === 'lagging' && { again: true };
    const came = await takeOn(sender, [{ rule: name, hosts: known, done: false, ...again }]);
    if ('holder' in came && deps.looksAgain) looks.add({ rule: name, sender, because: 'dropped', dueAt }, known);
    const where = 'batch' in came ? { batch: came.batch } : { busy: came.holder };
    log.info({ rule: name, because, hosts: named(known), ...where }, 'looking again');
  };

  /** What becomes of alerts that a rule takes: the answer, and the parts that a batch has taken on. */
  const goOn = async (
    sender: string,
    parts: readonly MatchedPart[],
  ): Promise<{ answer: WebhookAnswer; parts: readonly MatchedPart[] }> => {
    const left = (answer: WebhookAnswer) => ({ answer, parts: [] });
    const { known, unknown } = knownHostsOnly(parts);
    for (const { part, words } of unknown) {
      looks.add({ rule: part.rule.name, sender, because: 'unknown_host', dueAt: Infinity }, [words]);
    }
    if (unknown.length > 0) deps.onUnknownHosts();
    const [stranger] = unknown;
    if (stranger) {
      const more = unknown.length > 1 ? ` (and ${unknown.length - 1} more names)` : '';
      const event = {
        obj_name: stranger.part.rule.name,
        user: sender,
        notes: `unknown_host: ${stranger.text}${more}`,
      };
      await rows.record({ ...event, action: 'ignored' }, 'unknown_host');
      if (known.length === 0)
        return left({ outcome: 'ignored', reason: 'unknown_host', text: `${stranger.text}${more}` });
    }

    const { go, suspended } = applyWindowsAndPauses(known, journal.memory(), clock.now());
    const [first] = suspended;
    await Promise.all(suspended.map((part) => rows.record(suspendedEvent(part, sender), part.reason)));
    if (first && go.length === 0) return left({ outcome: 'ignored', reason: first.reason, text: first.text });

    const opening = go.map(({ rule, hosts, alerts }) => ({ rule: rule.name, hosts, done: false, ...linksTo(alerts) }));
    const came = await takeOn(sender, opening);
    if ('holder' in came) return left(await drop(sender, go, came.holder));
    for (const { rule, hosts } of go) looks.forget(rule.name, hosts);
    const rules = go.map(({ rule }) => rule.name);
    const answer = {
      outcome: 'accepted',
      batch: came.batch,
      rules,
      hosts: go.flatMap((part) => part.hosts.map((words) => words[0] ?? '?')),
    } as const;
    return { answer, parts: go };
  };

  return {
    /**
     * What becomes of the alerts of one body; it stands in the journal when it resolves.
     * @throws JournalError where it could not be recorded.
     */
    async receive(matched: readonly MatchedAlert[]): Promise<WebhookAnswer> {
      await noteFlapping(matched);
      for (const { alert, match } of matched) {
        if (alert.state === 'resolved' && match.matched) looks.forget(match.rule.name, [match.hosts]);
      }
      const alerts = matched.map(({ alert }) => alert);
      const sorted = sortAlerts(matched, isDuplicate);
      if (sorted.kind === 'nothing') return ignore(alerts, sorted.reason, sorted.text);
      const pause = deps.pause.current();
      if (pause) return ignore(alerts, 'paused', operatorPauseText(pause));
      const sender = alerts[0]?.sender ?? 'unknown';

      // Before anything is awaited: the other of a pair may be only a moment behind.
      remember(sorted.parts);
      let accepted: readonly MatchedPart[] = [];
      try {
        const { answer, parts } = await goOn(sender, sorted.parts);
        accepted = parts;
        return answer;
      } finally {
        forget(sorted.parts.filter(({ rule }) => !accepted.some((part) => part.rule === rule)));
      }
    },

    /**
     * Takes on looks whose time has come as if their alerts came now: windows and pauses hold. What finds a batch that moves
     * guests is forgotten, unless alerts that are dropped are looked at again.
     */
    async lookAgain(due: readonly LaterLook[]): Promise<void> {
      if (deps.pause.current()) return;
      for (const look of due) {
        try {
          await lookAgainAt({ ...look, dueAt: Infinity });
        } catch (error) {
          if (deps.signal.aborted) return;
          log.error({ rule: look.rule, err: error }, 'looking again has failed');
          if (!(error instanceof JournalError)) continue;
          looks.add({ ...look, dueAt: clock.monotonic() + RETRY_LOOK_MS }, look.hosts);
        }
      }
    },
  };
}

function isKnown(words: readonly string[], index: HostIndex): boolean {
  return findHost(words, index).found !== 'unknown';
}

function named(hosts: readonly (readonly string[])[]): string {
  const names = hosts.slice(0, MOST_NAMED).map((words) => words[0] ?? '?');
  const more = hosts.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
