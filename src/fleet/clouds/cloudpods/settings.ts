import type { KeystoneSettings } from '../keystone.js';

/** How to reach a Cloudpods, and how its guests are to be moved. */
export interface CloudpodsSettings {
  keystone: KeystoneSettings;
  /** The most that one migration may take of the network, MB/s; the cloud's own limit by default. */
  maxBandwidthMb?: number;
  /** Lets the guest stand still longer at the end, so that a busy one arrives at all. */
  quicklyFinish?: boolean;
  /** Names the target by the older word too, which newer servers want more rights for. */
  preferHost?: boolean;
}
