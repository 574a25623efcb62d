import type { Concern } from '../../fleet.js';

/** The connection to the source is ours: that it was lost says nothing of the target. */
const OF_OUR_CONNECTION = /Disconnected from/i;

/** Words of a source whose target cannot be reached, breaks off, or has no room. */
const OF_THE_TARGET = [
  /unable to connect to server|failed to connect to remote libvirt|unable to resolve address/i,
  /connection refused|connection reset|connection timed out|no route to host|network is unreachable/i,
  /client socket is closed|lost connection to destination|cannot recv data|end of file while reading data/i,
  /unable to (read from|write to) socket|keepalive/i,
  /authentication failed|certificate|TLS handshake/i,
  /cannot allocate memory|cannot set up guest memory|no space left|unable to find an unused port/i,
];

/** Words of a target that has not what this guest needs, or holds something in its name. */
const OF_THE_PAIR = [
  /cpu.*(not compatible|incompatible|does not provide)|host doesn't support|missing features/i,
  /already exists with uuid|already (active|defined)/i,
  /cannot access storage file|no such (file|device)|network not found|no network with matching name|storage pool not found/i,
  /unsupported machine|machine type|emulator .* does not|unable to find security driver|cannot find.*emulator/i,
];

/**
 * What a migration that came to nothing says something about, from virsh's words.
 * @param targetAnswers - whether the target's daemon could be asked right after.
 */
export function concernOf(words: string, targetAnswers: boolean): Concern {
  if (!targetAnswers) return { concerns: 'target' };
  if (OF_OUR_CONNECTION.test(words)) return {};
  // Before the target's own: "no such device" stands beside the name of a call that failed there.
  if (OF_THE_PAIR.some((pattern) => pattern.test(words))) return { concerns: 'pair' };
  return OF_THE_TARGET.some((pattern) => pattern.test(words)) ? { concerns: 'target' } : {};
}
