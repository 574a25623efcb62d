import { simulationApp } from '../../src/cli/simulate.js';
import type { SimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { LoopbackServer } from './loopback.js';
import { listenOnLoopback } from './loopback.js';

/** Serves a simulated cloud as `src/fleet/clouds/remote-simulation.ts` asks for it, on a free port of loopback. */
export function serveSimulation(cloud: SimulatedCloud): Promise<LoopbackServer> {
  return listenOnLoopback(simulationApp(cloud));
}
