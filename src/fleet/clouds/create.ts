import type { Clock } from '../../clock.js';
import type { Cloud, Metrics } from '../fleet.js';
import type { Scenario } from './scenario.js';
import { createSimulatedCloud } from './simulated.js';
import { createLibvirtCloud } from './libvirt/libvirt.js';
import { createLibvirtMetrics } from './libvirt/metrics.js';
import type { LibvirtHost } from './libvirt/uris.js';
import { createVirsh } from './libvirt/virsh.js';

/** What the configuration says of hosts that run libvirt. */
export interface LibvirtSettings {
  hosts: readonly LibvirtHost[];
  sharedPaths: readonly string[];
  bandwidthMiB?: number;
  sampleIntervalMs: number;
}

/** What the configuration says of the cloud that `CLOUD` names. */
export type CloudConfig = { requestTimeoutMs: number } & (
  { cloud: 'simulated'; scenario: Scenario } | { cloud: 'libvirt'; libvirt: LibvirtSettings }
);

/** A cloud, and the metrics that it has of its own. */
export interface CreatedCloud {
  cloud: Cloud;
  /** Made when asked for, since they may read samples in the background until they are closed. */
  ownMetrics?: () => Metrics;
}

/** Makes the cloud that `CLOUD` names. */
export function createCloud(config: CloudConfig, clock: Clock): CreatedCloud {
  switch (config.cloud) {
    case 'simulated': {
      const simulated = createSimulatedCloud(config.scenario, clock);
      return { cloud: simulated, ownMetrics: () => simulated };
    }
    case 'libvirt': {
      // Less than the whole fleet may take, so that one host that hangs is one host that is offline.
      const virsh = createVirsh({ program: 'virsh', timeoutMs: Math.ceil(config.requestTimeoutMs / 3) });
      const options = { ...config.libvirt, virsh, clock };
      return { cloud: createLibvirtCloud(options), ownMetrics: () => createLibvirtMetrics(options) };
    }
  }
}
