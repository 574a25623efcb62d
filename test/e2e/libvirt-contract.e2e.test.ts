import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { createLibvirtCloud } from '../../src/fleet/clouds/libvirt/libvirt.js';
import { createVirsh } from '../../src/fleet/clouds/libvirt/virsh.js';
import type { CloudHarness } from '../fleet/clouds/contract.js';
import { describeCloudContract } from '../fleet/clouds/contract.js';
import { until } from './daemon.js';
import { HOSTS, hostsDown, hostsUp, isMigrating, missingForTestbed, script, uris, virsh } from './testbed.js';

const missing = missingForTestbed();
/** Slow enough that a move can be seen, and broken. */
const BANDWIDTH_MIB = 16;

/** The guest of the contract is started anew for every case; the others stay. */
async function harness(): Promise<CloudHarness> {
  await script('guests.sh', 'stop', 'vm1');
  await script('guests.sh', 'start', 'vm1', 'hosta');
  const id = await virsh('hosta', 'domuuid', '--domain', 'vm1');
  const stopped: string[] = [];
  const breaking: Promise<unknown>[] = [];
  return {
    cloud: createLibvirtCloud({
      hosts: HOSTS.map((name) => ({ name, ...uris(name) })),
      virsh: createVirsh({ program: 'virsh', timeoutMs: 10_000 }),
      clock: systemClock,
      sharedPaths: [],
      bandwidthMiB: BANDWIDTH_MIB,
    }),
    hosts: HOSTS.map((name) => ({ id: name, name })),
    guestCount: 4,
    guest: { id, name: 'vm1' },
    pause: () => delay(200),
    troubles: {
      breakNextMove() {
        const broken = until('the migration has begun', () => isMigrating('vm1', 'hosta'));
        breaking.push(broken.then(() => virsh('hosta', 'domjobabort', '--domain', 'vm1')));
      },
      async removeGuest() {
        await script('guests.sh', 'stop', 'vm1');
      },
      async unplug() {
        for (const host of HOSTS) {
          stopped.push(host);
          await script('hosts.sh', 'daemon', host, 'stop');
        }
      },
    },
    async close() {
      for (const host of stopped) await script('hosts.sh', 'daemon', host, 'start');
      await Promise.all(breaking);
      await script('guests.sh', 'stop', 'vm1');
    },
  };
}

describe.skipIf(missing !== undefined)(`on real hosts${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  beforeAll(async () => {
    await hostsUp();
    await script('guests.sh', 'start', 'vm2', 'hosta');
    await script('guests.sh', 'start', 'vm3', 'hostb');
    await script('guests.sh', 'start', 'vm4', 'hostc');
  });
  afterAll(hostsDown);

  describeCloudContract('libvirt', harness);
});
