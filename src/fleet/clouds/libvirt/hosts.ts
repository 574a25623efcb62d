import { errorMessage } from '../../../common/error-message.js';
import type { Pong } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import type { LibvirtHost } from './uris.js';
import type { Virsh } from './virsh.js';

/** How many daemons are asked at once. */
const AT_ONCE = 16;

/** What asking one host came to. */
export type HostAnswer<T> = { host: LibvirtHost; value: T } | { host: LibvirtHost; error: unknown };

/**
 * Asks every host, a bounded number at a time. A host that does not answer does not fail the others.
 * @throws the signal's reason when it is aborted.
 */
export async function askHosts<T>(
  hosts: readonly LibvirtHost[],
  ask: (host: LibvirtHost) => Promise<T>,
  signal?: AbortSignal,
): Promise<HostAnswer<T>[]> {
  const answers: HostAnswer<T>[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < hosts.length; index = next++) {
      const host = hosts[index];
      if (!host) return;
      signal?.throwIfAborted();
      answers[index] = await ask(host).then(
        (value) => ({ host, value }),
        (error: unknown) => ({ host, error }),
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, hosts.length) }, worker));
  signal?.throwIfAborted();
  return answers;
}

/** How many hosts are asked at once whether any is there. */
const PINGED = 4;

/**
 * Asks whether any host is there, some at a time until one answers: a host that is away is that host's trouble alone.
 * @throws FleetError with every host's words if none did.
 */
export async function pingSome(virsh: Virsh, hosts: readonly LibvirtHost[], signal?: AbortSignal): Promise<Pong> {
  const silent: HostAnswer<string>[] = [];
  for (let from = 0; from < hosts.length; from += PINGED) {
    const some = hosts.slice(from, from + PINGED);
    const answers = await askHosts(some, async (host) => (await virsh.ask(host, ['hostname'], signal)).words, signal);
    if (answers.some((answer) => 'value' in answer)) return {};
    silent.push(...answers);
  }
  answered(silent);
  return {};
}

/** The answers of the hosts that gave one. @throws FleetError with every host's words if none did. */
export function answered<T>(answers: readonly HostAnswer<T>[]): { host: LibvirtHost; value: T }[] {
  const good = answers.filter((answer) => 'value' in answer);
  if (good.length > 0) return good;
  const words = answers.flatMap((answer) => ('error' in answer ? [wordsOf(answer.error)] : []));
  throw new FleetError('libvirt', `no host answers: ${words.join('; ')}`);
}

/** An error's message without the name of this cloud. */
export function wordsOf(error: unknown): string {
  return errorMessage(error).replace(/^libvirt: /, '');
}
