import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/common/clock.js';
import { systemClock } from '../../src/common/clock.js';
import type { Alert } from '../../src/alerts/alert.js';
import type { CloudOptions } from '../../src/fleet/clouds/cloud-options.js';
import type { Cloud, Metrics } from '../../src/fleet/fleet.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { ruleFileSchema, toRule } from '../../src/rules/rule.js';
import { createService } from '../../src/app/service.js';
import { temporaryJournal } from '../support/journal.js';
import type { Fault } from './proxy.js';
import { FAULTS, isForwarded, startProxy } from './proxy.js';

/** A system that is not to be trusted, and how to reach it. */
export interface ChaosHarness {
  name: string;
  /** The system's name in events. */
  system: string;
  /**
   * Starts the system, which ends with the test, with one host past 60 % CPU that one move relieves; moves take well under
   * a second there.
   */
  start(): Promise<{
    url: string;
    /** The host that is past the threshold. */
    hot: string;
    /** How many moves it has taken on. */
    moves(): number;
    /** Cloud and metrics; what is under test asks the proxy. */
    connect(proxyUrl: string, how: CloudOptions): { cloud: Cloud; metrics: Metrics };
  }>;
  /** The calls before a plan, by what they are for: each is put in trouble by itself. Matched as by {@link Misbehaviour}. */
  reads: Record<string, RegExp>;
  /** The calls that a decision can do without. */
  dispensable?: RegExp;
  /** The calls that ask whether a guest may go; absent for what is not asked that. */
  forecast?: RegExp;
  /** The calls by which a move is asked for and followed; absent for a metric store. */
  move?: { start: RegExp; look: RegExp };
  /** Changes a list between two of its pages, as an answer on its way; absent where nothing is paged. */
  changePages?: (call: string, body: unknown) => unknown;
}

/** The longest that one call, and one look at the whole fleet, may take, ms. */
const CALL_MS = 1000;
const REQUEST_MS = 2500;
/** The longest answer that is read, bytes: a hundred megabytes are refused as well, and sooner. */
const MOST_BYTES = 1024 ** 2;

/** The machine's own, but nobody sleeps long. */
const hurried: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal) };

async function build(harness: ChaosHarness) {
  const system = await harness.start();
  const proxy = await startProxy(system.url);
  const { journal } = await temporaryJournal(systemClock);
  const busy = createBusy();
  const rule = toRule(ruleFileSchema.parse({ name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60 }));
  let number = 0;
  const service = createService({
    ...system.connect(proxy.url, { timeoutMs: CALL_MS, clock: hurried, random: Math.random, maxBytes: MOST_BYTES }),
    rules: () => [rule],
    journal,
    busy,
    clock: hurried,
    newBatchId: () => `batch-${(number += 1)}`,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    limits: { firstPauseMs: 20, longestPauseMs: 50, startGraceMs: 400, timeLimitMs: 60_000 },
    concurrency: 1,
    requestTimeoutMs: REQUEST_MS,
  });
  /** One alert, until nothing runs any more; the events that it led to. */
  const alert = async () => {
    const before = (await journal.events()).length;
    const labels = { host: system.hot };
    const sent: Alert = { sender: 'grafana', name: 'test-cpu', state: 'firing', labels, key: `key-${before}` };
    expect(await service.handleAlerts([sent])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
    expect(busy.holder()).toBeUndefined();
    expect(service.batch()).toBeNull();
    return (await journal.events()).slice(before);
  };
  return { system, proxy, alert };
}

/** What every cloud and metric store must bear. */
export function chaosSuite(harness: ChaosHarness): void {
  const fault = FAULTS.map((name) => [name] as [Fault]);

  describe(`${harness.name} in trouble`, () => {
    // Each in a world of its own, at the same time where most of it is waiting.
    it.each(fault)(
      '%s, whatever is asked for: nothing moves, the event says who, the next alert is taken',
      async (name) => {
        const inTrouble = async ([what, calls]: [string, RegExp]) => {
          const { system, proxy, alert } = await build(harness);
          proxy.misbehave({ fault: name, calls });
          expect(await alert(), what).toMatchObject([
            { action: 'metrics_fail', notes: expect.stringMatching(new RegExp(`^${harness.system}: \\S`)) },
          ]);
          expect(
            proxy.calls.some((call) => calls.test(call)),
            what,
          ).toBe(true);
          expect([system.moves(), proxy.strayed()], what).toEqual([0, 0]);
          proxy.misbehave(undefined);
          expect(
            (await alert()).map(({ action }) => action),
            what,
          ).toEqual(['migrating', 'migrate_success']);
          expect(system.moves(), what).toBe(1);
        };
        if (name !== 'hang') {
          for (const read of Object.entries(harness.reads)) await inTrouble(read);
          return;
        }
        const results = await Promise.allSettled(Object.entries(harness.reads).map(inTrouble));
        for (const result of results) if (result.status === 'rejected') throw result.reason;
      },
    );

    const { dispensable } = harness;
    if (dispensable)
      it.each(fault)('%s, when asked for the history: it decides without', async (name) => {
        const { system, proxy, alert } = await build(harness);
        proxy.misbehave({ fault: name, calls: dispensable });
        expect((await alert()).map(({ action }) => action)).toEqual(['migrating', 'migrate_success']);
        expect(proxy.calls.some((call) => dispensable.test(call))).toBe(true);
        expect([system.moves(), proxy.strayed()]).toEqual([1, 0]);
      });

    const { forecast } = harness;
    if (forecast)
      it.each(fault)('%s, when asked whether a guest may go: it does not', async (name) => {
        const { system, proxy, alert } = await build(harness);
        proxy.misbehave({ fault: name, calls: forecast });
        expect(await alert()).toMatchObject([
          {
            action: name === 'hang' ? 'metrics_fail' : 'find_result_fail',
            notes: expect.stringContaining(`${harness.system}: `),
          },
        ]);
        expect(proxy.calls.some((call) => forecast.test(call))).toBe(true);
        expect([system.moves(), proxy.strayed()]).toEqual([0, 0]);
      });

    const { move, changePages } = harness;
    if (changePages)
      it('a list that changes between two pages: nothing moves on half a picture', async () => {
        const { system, proxy, alert } = await build(harness);
        proxy.rewrite(changePages);
        expect(await alert()).toMatchObject([
          { action: 'metrics_fail', notes: expect.stringMatching(new RegExp(`^${harness.system}: .*changed`)) },
        ]);
        expect(system.moves()).toBe(0);
      });

    if (move)
      describe('while a guest moves', () => {
        it.each(fault)('%s: it is followed to its end all the same', async (name) => {
          const { system, proxy, alert } = await build(harness);
          // The first look is the one before the move.
          let looks = 0;
          proxy.rewrite((call, body) => {
            if (move.start.test(call)) proxy.misbehave({ fault: name, calls: move.look, times: 4 });
            if (move.look.test(call)) looks += 1;
            return body;
          });
          expect((await alert()).map(({ action }) => action)).toEqual(['migrating', 'migrate_success']);
          expect(looks).toBeGreaterThan(1);
          expect(system.moves()).toBe(1);
          expect(proxy.strayed()).toBe(0);
        });

        it.each(fault)(
          '%s as the answer to the request: it is not repeated, and what came of it is found out',
          async (name) => {
            const { system, proxy, alert } = await build(harness);
            proxy.misbehave({ fault: name, calls: move.start });
            const [begun, ended] = await alert();
            expect(begun).toMatchObject({ action: 'migrating' });
            expect(ended).toMatchObject({ action: isForwarded(name) ? 'migrate_success' : 'migrate_error' });
            expect(proxy.calls.filter((call) => move.start.test(call))).toHaveLength(1);
            expect(system.moves()).toBe(isForwarded(name) ? 1 : 0);
            expect(proxy.strayed()).toBe(0);
          },
        );
      });
  });
}
