import { readFile } from 'node:fs/promises';
import type { Clock } from './clock.js';
import type { Config } from './config.js';
import type { CloudOptions } from './fleet/clouds/cloud-options.js';
import { createCloudpods } from './fleet/clouds/cloudpods/cloudpods.js';
import { embeddedFleet } from './fleet/clouds/embedded-fleet.js';
import { createOpenstack } from './fleet/clouds/openstack/openstack.js';
import { createProxmox } from './fleet/clouds/proxmox/proxmox.js';
import type { Scenario } from './fleet/clouds/scenario.js';
import { parseScenario } from './fleet/clouds/scenario.js';
import { createSimulatedCloud } from './fleet/clouds/simulated.js';
import type { Cloud, Metrics } from './fleet/fleet.js';
import { parseJson } from './rules/json.js';
import { SetupError } from './setup-error.js';

/**
 * The cloud and the metric store that the configuration names.
 * @throws SetupError that names the variable that is missing or wrong.
 */
export async function createFleet(config: Config, clock: Clock): Promise<{ cloud: Cloud; metrics: Metrics }> {
  const cloud = await createCloud(config, clock);
  return { cloud, metrics: createMetrics(config, cloud) };
}

async function createCloud(config: Config, clock: Clock): Promise<Cloud & Partial<Metrics>> {
  const options: CloudOptions = { timeoutMs: config.requestTimeoutMs, clock, random: Math.random };
  const { cloudpods, openstack, proxmox } = config.clouds;
  switch (config.cloud) {
    case 'simulated':
      return createSimulatedCloud(await readScenario(config.simulation), clock);
    case 'cloudpods':
      return createCloudpods(given(cloudpods, config.cloud), options);
    case 'openstack':
      return createOpenstack(given(openstack, config.cloud), options);
    case 'proxmox':
      return createProxmox(given(proxmox, config.cloud), options);
  }
}

function createMetrics(config: Config, cloud: Cloud & Partial<Metrics>): Metrics {
  switch (config.metrics) {
    case 'simulated':
    case 'proxmox': {
      const { name, readings, scrapeIntervalMs } = cloud;
      if (config.metrics === config.cloud && readings && scrapeIntervalMs !== undefined) {
        return { name, scrapeIntervalMs, readings: readings.bind(cloud) };
      }
      throw new SetupError([`METRICS: ${config.metrics} only has the readings of CLOUD=${config.metrics}`]);
    }
  }
}

function given<T>(settings: T | undefined, cloud: string): T {
  if (settings === undefined) throw new SetupError([`CLOUD: the settings of ${cloud} are missing`]);
  return settings;
}

async function readScenario(path: string | undefined): Promise<Scenario> {
  if (path === undefined) return structuredClone(embeddedFleet);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new SetupError([`SIMULATION: ${error instanceof Error ? error.message : String(error)}`]);
  });
  const json = parseJson(text);
  const parsed = json.ok ? parseScenario(json.value) : json;
  if (!parsed.ok) throw new SetupError(parsed.problems.map((problem) => `SIMULATION: ${path}: ${problem}`));
  return parsed.scenario;
}
