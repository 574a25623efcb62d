import type { Alert } from '../../src/alerts/alert.js';
import { embeddedFleet } from '../../src/fleet/clouds/embedded-fleet.js';
import type { Scenario } from '../../src/fleet/clouds/scenario.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { DEFAULT_WATCH_LIMITS } from '../../src/migration/watch.js';
import type { Rule, RuleFile } from '../../src/rules/rule.js';
import { ruleFileSchema, toRule } from '../../src/rules/rule.js';
import type { ServiceOptions } from '../../src/app/service.js';
import { createService } from '../../src/app/service.js';
import { fleet, guest, host, scenario } from './fleet.js';
import { temporaryJournal } from './journal.js';
import { createVirtualClock } from './virtual-clock.js';

/** A rule on CPU, 60 % over two minutes, with everything else left to the service. */
export const openRule = (over: Partial<RuleFile> = {}): Rule =>
  toRule(ruleFileSchema.parse({ name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, period: '2m', ...over }));

/** The same for the least price, so that the plan of a small fleet is plain to see. */
export const rule = (over: Partial<RuleFile> = {}): Rule => openRule({ worth: 0, ...over });

let alerts = 0;
/** An alert of that rule, another at each call. */
export function alert(hostName: string, over: Partial<Alert> = {}): Alert {
  alerts += 1;
  return {
    sender: 'alertmanager',
    name: 'test-cpu',
    state: 'firing',
    labels: { host: hostName },
    key: `key-${alerts}`,
    ...over,
  };
}

export interface Setup {
  scenario?: Scenario;
  rules?: Rule[];
  over?: (options: ServiceOptions, directory: string) => Partial<ServiceOptions>;
}

/** A service over the simulated cloud, a real journal and a virtual clock. */
export async function build({ scenario: given = structuredClone(embeddedFleet), rules = [rule()], over }: Setup = {}) {
  const clock = createVirtualClock();
  const cloud = createSimulatedCloud(given, clock);
  const { journal, directory } = await temporaryJournal(clock);
  const log: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) => void log.push({ level, fields, message });
  let batches = 0;
  const options: ServiceOptions = {
    cloud,
    metrics: cloud,
    rules: () => rules,
    journal,
    busy: createBusy(),
    clock,
    newBatchId: () => `batch-${(batches += 1)}`,
    log: { info: at('info'), warn: at('warn'), error: at('error') },
    limits: DEFAULT_WATCH_LIMITS,
    concurrency: 1,
    requestTimeoutMs: 30_000,
  };
  Object.assign(options, over?.(options, directory));
  const service = createService(options);
  const actions = async () => (await journal.events()).map(({ action }) => action);
  return { clock, cloud, journal, directory, service, options, actions, log };
}

/** a: past 60 % by 10 points, two guests of 10 points each; b and c have room. */
export const roomy = () =>
  scenario(
    fleet(
      [host('a', 70), host('b', 20), host('c', 25)],
      [guest('g', 'a', 60), guest('h', 'a', 60, { vmem_size: 16384 }), guest('i', 'a', 10, { vmem_size: 2048 })],
    ),
  );
