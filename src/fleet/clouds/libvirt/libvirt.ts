import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../common/clock.js';
import type { Cloud, MigrationRequest, MigrationStart, MigrationState } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import { createAutostart } from './autostart.js';
import { concernOf } from './concern.js';
import type { Sight } from './follow.js';
import { isActive, judgeMove, sightCommands, toSight } from './follow.js';
import { askHosts, pingSome, wordsOf } from './hosts.js';
import { createInventory } from './inventory.js';
import type { Move } from './moves.js';
import { createMoves } from './moves.js';
import { createPostcopy } from './postcopy.js';
import type { LibvirtHost } from './uris.js';
import type { Virsh, VirshEnding } from './virsh.js';
import { isUuid } from './virsh.js';

/** What {@link createLibvirtCloud} needs. */
export interface LibvirtOptions {
  hosts: readonly LibvirtHost[];
  virsh: Virsh;
  clock: Clock;
  /** Directories that are the same on all hosts: a disk elsewhere ties its guest to its host. */
  sharedPaths: readonly string[];
  /** The most that one migration may copy, MiB/s; unlimited by default. */
  bandwidthMiB?: number;
  /** Whether a guest that writes memory faster than it is copied is slowed down until it arrives; yes by default. */
  autoConverge?: boolean;
  /** A guest that has not arrived by then goes on on the target and fetches the rest from there, ms; never by default. */
  postcopyAfterMs?: number;
}

/** How often to look whether a migration has begun, ms. */
const START_PAUSE_MS = 200;
/** A virsh that has not failed by then has been taken, ms: its daemon may wait long for the target's. */
const START_LIMIT_MS = 10_000;
/** How long a virsh may take to end after its job was given up, ms. */
const CANCEL_LIMIT_MS = 5000;

/**
 * Hosts that run libvirt, each asked over its own connection. A migration is peer to peer: the source's daemon drives it, and
 * goes on whatever becomes of us or of our connection. So where a guest is, and whether it moves, is always asked of libvirt;
 * what this process remembers adds only the words of a failure.
 */
export function createLibvirtCloud(options: LibvirtOptions): Cloud {
  const { hosts, virsh, clock, sharedPaths, bandwidthMiB, autoConverge = true, postcopyAfterMs } = options;
  const mode = {
    autoConverge,
    postcopy: postcopyAfterMs !== undefined,
    ...(bandwidthMiB !== undefined && { bandwidthMiB }),
  };
  const moves = createMoves();
  const autostart = createAutostart(virsh);
  const postcopy = createPostcopy(virsh, postcopyAfterMs);
  const byName = new Map(hosts.map((host) => [host.name, host]));

  const hostOf = ({ id, name }: { id: string; name: string }): LibvirtHost => {
    const host = byName.get(id);
    if (host) return host;
    throw new FleetError('libvirt', `host ${name} (${id}) is not in LIBVIRT_URIS`);
  };

  const lookAt = async (host: LibvirtHost, uuid: string, signal?: AbortSignal): Promise<Sight> => {
    const { outputs, words } = await virsh.ask(host, sightCommands(uuid), signal);
    const sight = toSight(outputs, words);
    if (sight) return sight;
    throw new FleetError('libvirt', `${host.name}: domstate: ${words || 'expected a state, got nothing'}`);
  };

  const sightOf = async (reference: MigrationRequest['source'], uuid: string, signal?: AbortSignal): Promise<Sight> => {
    try {
      return await lookAt(hostOf(reference), uuid, signal);
    } catch (error) {
      signal?.throwIfAborted();
      return { at: 'unknown', error };
    }
  };

  /** Where a guest is that neither end of its move has. */
  const elsewhere = async (
    { guest, source, target }: MigrationRequest,
    ends: readonly { id: string; sight: Sight }[],
    signal?: AbortSignal,
  ): Promise<MigrationState> => {
    const others = hosts.filter(({ name }) => name !== source.id && name !== target.id);
    const answers = await askHosts(others, (host) => lookAt(host, guest.id, signal), signal);
    const sights = [
      ...answers.flatMap((answer) => ('value' in answer ? [{ id: answer.host.name, sight: answer.value }] : [])),
      ...ends,
    ];
    const found =
      sights.find(({ sight }) => isActive(sight)) ??
      // Nobody runs it. Whether it is gone can only be said when all have been asked.
      (sights.length === others.length + ends.length ? sights.find(({ sight }) => sight.at === 'present') : undefined);
    if (found?.sight.at === 'present') return { phase: 'settled', status: found.sight.state, hostId: found.id };
    const silent = answers.find((answer) => 'error' in answer);
    if (silent) throw silent.error;
    return { phase: 'vanished' };
  };

  const endingWithin = async (ms: number, { virsh: child }: Move): Promise<VirshEnding | undefined> => {
    const over = new AbortController();
    // A sleep that is no longer waited for must not hold up the end of the process.
    const pause = clock.sleep(ms, over.signal).catch(() => undefined);
    try {
      return (await Promise.race([child.ended, pause])) ?? undefined;
    } finally {
      over.abort();
    }
  };

  /** Whether a virsh that failed early has left the guest at rest on its source. */
  const refusal = async (request: MigrationRequest, move: Move, words: string): Promise<MigrationStart> => {
    let sight: Sight;
    try {
      sight = await lookAt(hostOf(request.source), request.guest.id);
    } catch (error) {
      throw new FleetError('libvirt', `${words}; ${wordsOf(error)}`, { cause: error });
    }
    // A virsh that lost its connection has failed, and yet its migration goes on.
    if (sight.at === 'present' && sight.job) return { accepted: true, handle: move.handle };
    const target = await sightOf(request.target, request.guest.id);
    // A mark that stays does no harm: it is read only where a guest has arrived.
    await autostart.unmark(hostOf(request.source), request.guest.id).catch(() => undefined);
    return { accepted: false, reason: words, ...concernOf(words, target.at !== 'unknown') };
  };

  const isUnderWay = (uuid: string): boolean => {
    const move = moves.get(uuid);
    return move !== undefined && !move.ending;
  };

  return {
    name: 'libvirt',
    ping: (signal) => pingSome(virsh, hosts, signal),
    inventory: createInventory(virsh, hosts, sharedPaths),

    async startMigration(request): Promise<MigrationStart> {
      const uuid = request.guest.id;
      if (!isUuid(uuid)) return { accepted: false, reason: `the id of guest ${request.guest.name} is not a UUID` };
      const another: MigrationStart = { accepted: false, reason: 'a migration of it is under way' };
      if (isUnderWay(uuid)) return another;
      const [source, target] = [byName.get(request.source.id), byName.get(request.target.id)];
      if (!source || !target) {
        const { name } = source ? request.target : request.source;
        return { accepted: false, reason: `host ${name} is not in LIBVIRT_URIS` };
      }
      try {
        await autostart.mark(source, uuid);
      } catch (error) {
        return { accepted: false, reason: wordsOf(error) };
      }
      if (isUnderWay(uuid)) return another;
      const move = moves.add(uuid, randomUUID(), virsh.migrate(source, uuid, target, mode));
      const deadline = clock.now() + START_LIMIT_MS;
      while (clock.now() < deadline) {
        const ending = await endingWithin(START_PAUSE_MS, move);
        if (ending?.ok) break;
        if (ending) return refusal(request, move, ending.words);
        const sight = await sightOf(request.source, uuid);
        if (sight.at === 'present' && sight.job) break;
      }
      return { accepted: true, handle: move.handle };
    },

    async migrationState(request, handle, signal): Promise<MigrationState> {
      signal?.throwIfAborted();
      const uuid = request.guest.id;
      const { source, target } = request;
      if (!isUuid(uuid)) throw new FleetError('libvirt', `the id of guest ${request.guest.name} is not a UUID`);
      // Before the looks: what ended by now, they show.
      const move = moves.get(uuid);
      const asking = move !== undefined && !move.ending;
      const failure = moves.failureOf(uuid, handle);
      const [sourceSight, targetSight] = await Promise.all([
        sightOf(source, uuid, signal),
        sightOf(target, uuid, signal),
      ]);
      const ends = { source: { id: source.id, sight: sourceSight }, target: { id: target.id, sight: targetSight } };
      const judged = judgeMove({ ...ends, asking, ...(failure !== undefined && { failure }) });
      if (judged.verdict === 'fault') throw judged.error;
      if (judged.verdict === 'elsewhere') return elsewhere(request, [ends.source, ends.target], signal);
      const { state } = judged;
      const hasArrived = state.phase === 'settled' && state.hostId === target.id && target.id !== source.id;
      if (hasArrived) await autostart.restore(hostOf(target), uuid, signal);
      if (state.phase === 'moving') await postcopy.switchIfDue(hostOf(source), uuid, sourceSight, signal);
      if (state.phase !== 'moving' || state.progress === undefined || !move) return state;
      move.progress = Math.max(move.progress, state.progress);
      return { ...state, progress: move.progress };
    },

    async cancelMigration(request, _handle, signal): Promise<void> {
      const uuid = request.guest.id;
      if (!isUuid(uuid)) return;
      const move = moves.get(uuid);
      if (move) move.cancelled = true;
      try {
        const { words } = await virsh.ask(hostOf(request.source), [`domjobabort --domain ${uuid}`], signal);
        if (words !== '' && !/no job is active|failed to get domain|Domain not found/i.test(words)) {
          throw new FleetError('libvirt', `${request.source.name}: domjobabort: ${words}`);
        }
      } finally {
        if (move && !move.ending) {
          // One that has not come through to its daemon yet must not do so later.
          if (!(await endingWithin(CANCEL_LIMIT_MS, move))) move.virsh.kill();
        }
      }
    },

    async afterFailure(request, signal): Promise<void> {
      const uuid = request.guest.id;
      const source = byName.get(request.source.id);
      if (!source || !isUuid(uuid)) return;
      const sight = await lookAt(source, uuid, signal);
      // While it may still arrive the mark has to go along.
      if (isActive(sight) && !sight.job) await autostart.unmark(source, uuid, signal);
    },
  };
}
