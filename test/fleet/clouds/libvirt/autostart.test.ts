import { describe, expect, it } from 'vitest';
import { createAutostart } from '../../../../src/fleet/clouds/libvirt/autostart.js';
import { libvirtHost, printingVirsh } from './fixtures.js';

const UUID = '40b5d187-31d2-4302-84c9-cb19f5bd24be';
const host = libvirtHost('b');

/** A guest whose metadata or autostart cannot be written; real hosts show in the end-to-end suite that they can. */
function refusing(word: 'metadata' | 'autostart', marked: boolean, autostart: boolean) {
  const commands: string[] = [];
  const virsh = printingVirsh(() => ({}));
  virsh.ask = (_host, asked) => {
    commands.push(...asked);
    const outputs = asked.map((command) => {
      if (command.startsWith('dominfo')) return `Name: vm2\nAutostart:      ${autostart ? 'enable' : 'disable'}\n`;
      return command.startsWith('metadata') && !/--set|--remove/.test(command) && marked ? '<autostart/>\n' : '';
    });
    const refused = asked.some(
      (command) => command.startsWith(word) && (word === 'autostart' || command.includes('--set')),
    );
    return Promise.resolve({ outputs, words: refused ? 'access denied' : '' });
  };
  return { autostart: createAutostart(virsh), commands };
}

describe('a guest that starts with its host', () => {
  it('does not move where that could not be kept', async () => {
    const { autostart } = refusing('metadata', false, true);
    await expect(autostart.mark(host, UUID)).rejects.toThrow(
      'libvirt: b: it starts with its host and cannot be marked for that: access denied',
    );
  });

  it('is the only one whose definition is touched', async () => {
    const { autostart, commands } = refusing('metadata', false, false);
    await autostart.mark(host, UUID);
    await autostart.restore(host, UUID);
    await autostart.unmark(host, UUID);
    expect(commands.filter((command) => /--set|--remove|^autostart/.test(command))).toEqual([]);
  });

  it('has arrived even if its new host never lets it, after five looks that tell why', async () => {
    const { autostart } = refusing('autostart', true, false);
    for (let look = 1; look <= 5; look += 1) {
      await expect(autostart.restore(host, UUID)).rejects.toThrow('libvirt: b: autostart: access denied');
    }
    await expect(autostart.restore(host, UUID)).resolves.toBeUndefined();
  });
});
