import { FleetError } from '../../fleet.js';
import type { LibvirtHost } from './uris.js';
import type { Virsh } from './virsh.js';

/** Names our element among a guest's metadata, which libvirt carries along. */
const MARK = '--uri urn:automigrate';

/** So many failures to let a guest start with its new host are told; then it counts as arrived without. */
const TRIES = 5;

/** Carries along that a guest starts with its host: libvirt keeps that beside the guest's definition, and loses it in a move. */
export interface Autostart {
  /**
   * Marks a guest that starts with its host, before it moves. The mark stands in the guest's own metadata, so that it arrives
   * whatever becomes of us meanwhile.
   * @throws FleetError if it starts with its host and cannot be marked: it would no longer do so where it arrives.
   */
  mark(source: LibvirtHost, uuid: string): Promise<void>;
  /**
   * Lets a marked guest start with the host that it has come to, and removes the mark.
   * @throws FleetError if it cannot, so that it is looked at again; not for ever, since the guest has arrived.
   */
  restore(target: LibvirtHost, uuid: string, signal?: AbortSignal): Promise<void>;
  /** Removes the mark of a guest that has not moved. @throws FleetError if it cannot. */
  unmark(source: LibvirtHost, uuid: string, signal?: AbortSignal): Promise<void>;
}

export function createAutostart(virsh: Virsh): Autostart {
  const failures = new Map<string, number>();

  const isMarked = async (host: LibvirtHost, uuid: string, signal?: AbortSignal): Promise<boolean> => {
    const { outputs } = await virsh.ask(host, [`metadata --domain ${uuid} ${MARK}`], signal);
    return outputs[0]?.includes('<autostart') ?? false;
  };

  const removeMark = async (host: LibvirtHost, uuid: string, signal?: AbortSignal): Promise<void> => {
    const { words } = await virsh.ask(host, [`metadata --domain ${uuid} ${MARK} --remove --live --config`], signal);
    if (words !== '') throw new FleetError('libvirt', `${host.name}: metadata: ${words}`);
  };

  const carryOver = async (target: LibvirtHost, uuid: string, signal?: AbortSignal): Promise<void> => {
    if (!(await isMarked(target, uuid, signal))) return;
    const commands = [`autostart --domain ${uuid}`, `dominfo --domain ${uuid}`];
    const { outputs, words } = await virsh.ask(target, commands, signal);
    if (!startsWithHost(outputs[1] ?? '')) throw new FleetError('libvirt', `${target.name}: autostart: ${words}`);
    await removeMark(target, uuid, signal);
  };

  return {
    async mark(source, uuid) {
      const [dominfo = ''] = (await virsh.ask(source, [`dominfo --domain ${uuid}`])).outputs;
      if (!startsWithHost(dominfo)) return;
      const set = `metadata --domain ${uuid} ${MARK} --key automigrate --set '<autostart/>' --live --config`;
      const { words } = await virsh.ask(source, [set]);
      if (words !== '') {
        throw new FleetError(
          'libvirt',
          `${source.name}: it starts with its host and cannot be marked for that: ${words}`,
        );
      }
    },

    async restore(target, uuid, signal) {
      try {
        await carryOver(target, uuid, signal);
        failures.delete(uuid);
      } catch (error) {
        signal?.throwIfAborted();
        const count = (failures.get(uuid) ?? 0) + 1;
        failures.set(uuid, count % (TRIES + 1));
        if (count <= TRIES) throw error;
      }
    },

    async unmark(source, uuid, signal) {
      if (await isMarked(source, uuid, signal)) await removeMark(source, uuid, signal);
    },
  };
}

function startsWithHost(dominfo: string): boolean {
  return /^Autostart:\s+enable/m.test(dominfo);
}
