import { describe, expect, it } from 'vitest';
import { concernOf } from '../../../../src/fleet/clouds/libvirt/concern.js';

/** Words of virsh 9.0 on real hosts. */
const TARGET = [
  "unable to connect to server at 'hostc:16509': Connection refused",
  "Unable to resolve address 'nowhere' service '16509': Temporary failure in name resolution",
  'internal error: client socket is closed',
  "operation failed: job 'migration out' failed: Unable to write to socket: Bad file descriptor",
];
const PAIR = [
  "Cannot get interface MTU on 'br0': No such device",
  "operation failed: domain 'vm1' already exists with uuid 11111111-2222-3333-4444-555555555555",
];
/** Words as libvirt's sources have them, of what could not be brought about here. */
const FROM_SOURCES: [string, object][] = [
  ["unsupported configuration: guest CPU doesn't match specification: missing features: avx512f", { concerns: 'pair' }],
  [
    "internal error: qemu unexpectedly closed the monitor: cannot set up guest memory 'pc.ram': Cannot allocate memory",
    { concerns: 'target' },
  ],
  ["Cannot access storage file '/srv/a.qcow2': No such file or directory", { concerns: 'pair' }],
];

describe('a migration that came to nothing', () => {
  it.each(TARGET)('is the fault of the target: %s', (words) => {
    expect(concernOf(words, true)).toEqual({ concerns: 'target' });
  });

  it.each(PAIR)('is a matter of this guest on this target: %s', (words) => {
    expect(concernOf(words, true)).toEqual({ concerns: 'pair' });
  });

  it.each(FROM_SOURCES)('%s', (words, concern) => {
    expect(concernOf(words, true)).toEqual(concern);
  });

  it('is the fault of a target whose daemon cannot be asked, whatever virsh says', () => {
    expect(concernOf('operation aborted', false)).toEqual({ concerns: 'target' });
  });

  it.each([
    'operation aborted: migration out job: canceled by client',
    'Disconnected from qemu+ssh://a/system due to keepalive timeout; internal error: client socket is closed',
  ])('says nothing about the target: %s', (words) => {
    expect(concernOf(words, true)).toEqual({});
  });
});
