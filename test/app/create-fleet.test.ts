import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/read-config.js';
import { createFleet } from '../../src/app/create-fleet.js';
import { createVirtualClock } from '../support/virtual-clock.js';
import { startProxmox } from '../support/clouds/proxmox-server.js';

const fleetOf = async (env: Record<string, string>) => {
  const read = readConfig(env);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  return createFleet(read.config, createVirtualClock());
};

it('a Proxmox VE cluster is both cloud and metric store, as the environment says', async () => {
  const harness = await startProxmox();
  onTestFinished(() => harness.close());
  const token = 'mover@pve!automigrate=0f3c-secret-uuid';
  const { cloud, metrics } = await fleetOf({ CLOUD: 'proxmox', PROXMOX_URL: harness.server.url, PROXMOX_TOKEN: token });
  const inventory = await cloud.inventory();
  expect(inventory.hosts).toHaveLength(3);
  const readings = await metrics.readings({ ...inventory, periodMs: 60_000 });
  expect([...readings.hosts.keys()]).toEqual(inventory.hosts.map(({ id }) => id));
  expect([...readings.guests.keys()]).toEqual(inventory.guests.map(({ id }) => id));
});

it('the simulated fleet is both, without anything being set', async () => {
  const { cloud, metrics } = await fleetOf({});
  expect([cloud.name, metrics.name]).toEqual(['simulated', 'simulated']);
  const inventory = await cloud.inventory();
  expect((await metrics.readings({ ...inventory, periodMs: 60_000 })).hosts.size).toBe(inventory.hosts.length);
});
