import { describe, expect, it } from 'vitest';
import type { Sight } from '../../../../src/fleet/clouds/libvirt/follow.js';
import { createPostcopy } from '../../../../src/fleet/clouds/libvirt/postcopy.js';
import { libvirtHost, printingVirsh } from './fixtures.js';

const UUID = '40b5d187-31d2-4302-84c9-cb19f5bd24be';
const host = libvirtHost('a');
const leaving = (elapsedMs: number, state = 'running'): Sight => ({
  at: 'present',
  state,
  reason: '',
  job: { operation: 'Outgoing migration', elapsedMs },
});

function postcopy(afterMs: number | undefined, words = '') {
  const commands: string[] = [];
  const virsh = printingVirsh(() => ({}));
  virsh.ask = (_host, asked) => {
    commands.push(...asked);
    return Promise.resolve({ outputs: asked.map(() => ''), words });
  };
  const own = createPostcopy(virsh, afterMs);
  return { commands, look: (sight: Sight) => own.switchIfDue(host, UUID, sight) };
}

describe('a migration is switched to post-copy', () => {
  it('once it has taken as long as the setting says, by the count of libvirt, and not again', async () => {
    const { commands, look } = postcopy(60_000);
    await look(leaving(59_999));
    expect(commands).toEqual([]);
    await look(leaving(60_000));
    await look(leaving(61_000, 'paused'));
    expect(commands).toEqual([`migrate-postcopy --domain ${UUID}`]);
  });

  it('never without the setting, nor when nothing leaves', async () => {
    const never = postcopy(undefined);
    await never.look(leaving(9_000_000));
    const resting = postcopy(1);
    await resting.look({ at: 'present', state: 'running', reason: 'booted' });
    expect([...never.commands, ...resting.commands]).toEqual([]);
  });

  it('unless it was begun without leave for it: that is told once, and the next migration is tried anew', async () => {
    const { commands, look } = postcopy(60_000, 'post-copy can only be started when it was enabled');
    await expect(look(leaving(60_000))).rejects.toThrow('libvirt: a: migrate-postcopy: post-copy can only be started');
    await look(leaving(61_000));
    expect(commands).toHaveLength(1);
    await look(leaving(100));
    await expect(look(leaving(60_000))).rejects.toThrow('migrate-postcopy');
  });
});
