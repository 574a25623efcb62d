import { describe, expect, it } from 'vitest';
import { immovableReason } from '../../../../src/fleet/clouds/libvirt/immovable.js';
import { printed } from './fixtures.js';

describe('a guest', () => {
  it('without ties may move', () => {
    expect(immovableReason('', [])).toBeUndefined();
    expect(immovableReason('\n', [])).toBeUndefined();
  });

  it('with a device of its host may not, whatever else it has', () => {
    expect(immovableReason(printed('ties-full.txt'), ['/'])).toBe('it has a device of its host (network)');
    expect(immovableReason(' type="mdev"', [])).toBe('it has a device of its host (mdev)');
  });

  it.each([
    [' type="mount"', 'it shares a directory of its host'],
    [' type="passthrough"', 'it uses the TPM of its host'],
    [' type="sev-snp"', 'its memory is sealed to its host (sev-snp)'],
  ])('with %s may not', (ties, reason) => {
    expect(immovableReason(ties, [])).toBe(reason);
  });

  it('with a disk may if the disk is known to be shared', () => {
    const ties = printed('ties-disk.txt');
    const reason = 'its disk /var/lib/libvirt/images/a&"b.img is not known to be on shared storage';
    expect(immovableReason(ties, [])).toBe(reason);
    expect(immovableReason(ties, ['/var/lib/libvirt/ima'])).toBe(reason);
    expect(immovableReason(ties, ['/srv', '/var/lib/libvirt/images'])).toBeUndefined();
    expect(immovableReason(ties, ['/var/lib/libvirt/images/'])).toBeUndefined();
    expect(immovableReason(' file="/srv/../etc/x"', ['/srv'])).toBe(
      'its disk /srv/../etc/x is not known to be on shared storage',
    );
    expect(immovableReason(' file="/srv/a"\n dev="/dev/sdb"', ['/srv'])).toContain('/dev/sdb');
    expect(immovableReason(' volume="a"', ['/srv'])).toContain('its disk a is not');
  });
});
