import { readFile } from 'node:fs/promises';
import { errorMessage } from '../common/error-message.js';
import type { Clock } from '../common/clock.js';
import type { Config } from '../config/read-config.js';
import type { CloudOptions } from '../fleet/clouds/cloud-options.js';
import { createCloudpods } from '../fleet/clouds/cloudpods/cloudpods.js';
import { embeddedFleet } from '../fleet/clouds/embedded-fleet.js';
import { createLibvirt, libvirtProblem } from '../fleet/clouds/libvirt/create-libvirt.js';
import { createOpenstack } from '../fleet/clouds/openstack/openstack.js';
import { createProxmox } from '../fleet/clouds/proxmox/proxmox.js';
import { createRemoteSimulation } from '../fleet/clouds/remote-simulation.js';
import type { Scenario } from '../fleet/clouds/scenario.js';
import { parseScenario } from '../fleet/clouds/scenario.js';
import { createSimulatedCloud } from '../fleet/clouds/simulated.js';
import type { Cloud, Metrics } from '../fleet/fleet.js';
import { createMetrics } from '../fleet/metrics/create-metrics.js';
import { parseJson } from '../common/json-text.js';
import { SetupError } from '../config/setup-error.js';

/** A cloud, and how to come by the readings that it has of its own, if it has any. */
interface CreatedCloud {
  cloud: Cloud;
  ownMetrics?: () => Metrics;
}

/**
 * The cloud and the metric store that the configuration names.
 * @throws SetupError that names the variable that is missing or wrong.
 */
export async function createFleet(config: Config, clock: Clock): Promise<{ cloud: Cloud; metrics: Metrics }> {
  const { cloud, ownMetrics } = await createCloud(config, clock);
  const metrics = openStore(config, clock) ?? ownMetrics?.();
  if (!metrics) throw new SetupError([`METRICS: CLOUD=${config.cloud} has no readings of its own`]);
  return { cloud, metrics };
}

/** The metric store beside the cloud; undefined where the readings are the cloud's own. */
export function openStore({ metricStore, requestTimeoutMs: timeoutMs }: Config, clock: Clock): Metrics | undefined {
  return metricStore && createMetrics(metricStore, { clock, random: Math.random, timeoutMs });
}

/** Whether the fleet lives in this process: then no thread of its own can look at it. */
export function isSimulatedHere({ cloud, simulation }: Config): boolean {
  return cloud === 'simulated' && !isAddress(simulation);
}

function isAddress(simulation: string | undefined): simulation is string {
  return simulation !== undefined && /^https?:\/\//.test(simulation);
}

/** The cloud alone; its readings are made when asked for. */
export async function createCloud(config: Config, clock: Clock): Promise<CreatedCloud> {
  const { requestTimeoutMs: timeoutMs, inventoryTimeoutMs } = config;
  const options: CloudOptions = { timeoutMs, inventoryTimeoutMs, clock, random: Math.random };
  const { cloudpods, openstack, proxmox } = config.clouds;
  switch (config.cloud) {
    case 'simulated':
      return withReadings(await createSimulation(config, clock));
    case 'cloudpods':
      return { cloud: createCloudpods(given(cloudpods, config.cloud), options) };
    case 'openstack':
      return { cloud: createOpenstack(given(openstack, config.cloud), options) };
    case 'proxmox':
      return withReadings(createProxmox(given(proxmox, config.cloud), options));
    case 'libvirt': {
      const problem = await libvirtProblem();
      if (problem !== undefined) throw new SetupError([`CLOUD: libvirt: ${problem}`]);
      return createLibvirt(given(config.libvirt, config.cloud), config.requestTimeoutMs, clock);
    }
  }
}

function withReadings(cloud: Cloud & Metrics): CreatedCloud {
  return { cloud, ownMetrics: () => cloud };
}

function given<T>(settings: T | undefined, cloud: string): T {
  if (settings === undefined) throw new SetupError([`CLOUD: the settings of ${cloud} are missing`]);
  return settings;
}

async function createSimulation(config: Config, clock: Clock): Promise<Cloud & Metrics> {
  const { simulation, requestTimeoutMs: timeoutMs } = config;
  if (!isAddress(simulation)) {
    return createSimulatedCloud(await readScenario(simulation), clock);
  }
  if (!URL.canParse(simulation)) throw new SetupError([`SIMULATION: ${simulation} is not an address`]);
  return createRemoteSimulation({ baseUrl: simulation, timeoutMs, clock, random: Math.random });
}

/**
 * The scenario of a file.
 * @param path - undefined: the embedded fleet.
 * @throws SetupError that names file and field.
 */
export async function readScenario(path: string | undefined): Promise<Scenario> {
  if (path === undefined) return structuredClone(embeddedFleet);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new SetupError([`SIMULATION: ${errorMessage(error)}`]);
  });
  const json = parseJson(text);
  const parsed = json.ok ? parseScenario(json.value) : json;
  if (!parsed.ok) throw new SetupError(parsed.problems.map((problem) => `SIMULATION: ${path}: ${problem}`));
  return parsed.scenario;
}
