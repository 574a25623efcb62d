import { readFileSync } from 'node:fs';
import type { LibvirtHost } from '../../../../src/fleet/clouds/libvirt/uris.js';
import type { Virsh } from '../../../../src/fleet/clouds/libvirt/virsh.js';
import { FleetError } from '../../../../src/fleet/fleet.js';

/** What virsh 9.0 printed on real hosts. */
export function printed(name: string): string {
  return readFileSync(new URL(`../../../fixtures/libvirt/${name}`, import.meta.url), 'utf8');
}

export function libvirtHost(name: string): LibvirtHost {
  return { name, uri: `qemu+ssh://${name}/system`, destUri: `qemu+tcp://${name}/system` };
}

/** What virsh prints of each host, by the command's first word; undefined for a host that does not answer. */
export type Printed = (host: string) => Record<string, string> | undefined;

/** A virsh that prints what it was given, and migrates nothing. */
export function printingVirsh(printedBy: Printed): Virsh {
  return {
    ask(host, commands) {
      const texts = printedBy(host.name);
      if (!texts) return Promise.reject(new FleetError('libvirt', `${host.name}: failed to connect to the hypervisor`));
      const outputs = commands.map((command) => texts[command.split(' ', 1)[0]!] ?? '');
      return Promise.resolve({ outputs, words: '' });
    },
    migrate() {
      throw new Error('nothing is to migrate here');
    },
  };
}
