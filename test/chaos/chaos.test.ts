import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { createRemoteSimulation } from '../../src/fleet/clouds/remote-simulation.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { serveSimulation } from '../support/simulation-server.js';
import type { ChaosHarness } from './suite.js';
import { chaosSuite } from './suite.js';

const simulation: ChaosHarness = {
  name: 'a simulation in another process',
  system: 'simulated',
  reads: { hosts: /^GET \/hosts/, guests: /^GET \/guests\?/, readings: /^GET \/readings/ },
  move: { start: /^POST \/migrations/, look: /^GET \/guests\/id-g\/migration/ },
  changePages: (call, body) => (call.includes('offset=2000') ? { ...(body as object), total: 2202 } : body),
  async start() {
    // Many that do not run, so that their list has two pages.
    const asleep = Array.from({ length: 2200 }, (_, n) => guest(`s${n}`, 'b', undefined, { status: 'ready' }));
    const snapshot = fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60, { vmem_size: 256 }), ...asleep]);
    const cloud = createSimulatedCloud(scenario(snapshot), systemClock);
    const server = await serveSimulation(cloud);
    onTestFinished(() => server.close());
    return {
      url: server.url,
      hot: 'a',
      moves: () => [...cloud.asked.values()].reduce((sum, times) => sum + times, 0),
      connect: (baseUrl, how) => {
        const remote = createRemoteSimulation({ ...how, baseUrl });
        return { cloud: remote, metrics: remote };
      },
    };
  },
};

chaosSuite(simulation);
