import type { Clock } from '../../../common/clock.js';
import type { Cloud, Metrics } from '../../fleet.js';
import { createLibvirtCloud } from './libvirt.js';
import { createLibvirtMetrics } from './metrics.js';
import type { LibvirtHost } from './uris.js';
import { createVirsh, virshProblem } from './virsh.js';

/** What the configuration says of hosts that run libvirt. */
export interface LibvirtSettings {
  hosts: readonly LibvirtHost[];
  sharedPaths: readonly string[];
  bandwidthMiB?: number;
  autoConverge: boolean;
  postcopyAfterMs?: number;
  sampleIntervalMs: number;
}

const PROGRAM = 'virsh';

/** Why there can be no such cloud on this machine; undefined if there can. */
export function libvirtProblem(): Promise<string | undefined> {
  return virshProblem(PROGRAM);
}

/**
 * Makes the cloud of hosts that run libvirt.
 * @param timeoutMs - the longest that one look at the whole fleet may take.
 * @returns the cloud, and its own metrics: made when asked for, since they read samples in the background until closed.
 */
export function createLibvirt(
  settings: LibvirtSettings,
  timeoutMs: number,
  clock: Clock,
): { cloud: Cloud; ownMetrics: () => Metrics } {
  // Less than the whole fleet may take, so that one host that hangs is one host that is offline.
  const virsh = createVirsh({ program: PROGRAM, timeoutMs: Math.ceil(timeoutMs / 3) });
  const options = { ...settings, virsh, clock };
  return { cloud: createLibvirtCloud(options), ownMetrics: () => createLibvirtMetrics(options) };
}
