import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { writeWhole } from '../common/write-whole.js';
import { errorMessage } from '../common/error-message.js';
import type { Plan } from '../balancer/index.js';
import type { Clock } from '../common/clock.js';
import type { ApprovedMove, ListedExclusion, MoveUnderWay } from '../constraints/index.js';
import type { Snapshot } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';

/** What was known when one rule of a batch was planned, and what came of it. */
export interface PartSnapshot {
  /** The rule as it stood then. */
  rule: Rule;
  /** For each alerting host the words of the alert that name it. */
  hosts: string[][];
  /** The alerting hosts, by id. */
  source_ids: string[];
  /** Alerting hosts that were not to be relieved. */
  other_alerting_ids?: string[];
  /** Hosts whose readings did not show yet what had been moved. */
  unsettled_ids?: string[];
  /** Guests on their way then. */
  under_way?: MoveUnderWay[];
  /** The moves that a person had approved. */
  approved_moves?: ApprovedMove[];
  /** What was ruled out besides the rule's own boundaries: by the cloud, or by what had happened before. */
  refusals: ListedExclusion[];
  /** The fleet as the balancer saw it. */
  snapshot: Snapshot;
  plan: Pick<Plan, 'outcome' | 'migrations' | 'cost' | 'notes'>;
}

/** One file: everything that was known in a batch. */
export interface BatchSnapshot {
  version: 1;
  batch: string;
  sender: string;
  parts: PartSnapshot[];
}

/** What is kept for `automigrate replay`. */
export interface SnapshotStore {
  /** Adds a part to its batch's file, and removes files that are too many or too old. */
  add(batch: string, sender: string, part: PartSnapshot): Promise<void>;
  /** @throws Error that names the file, if it cannot be understood. */
  read(batch: string): Promise<BatchSnapshot | undefined>;
  /** The file written last; undefined if there is none that can be understood. */
  latest(): Promise<BatchSnapshot | undefined>;
}

/** How much is kept. */
export interface SnapshotRetention {
  count: number;
  ageMs: number;
}

export const DEFAULT_SNAPSHOT_RETENTION: SnapshotRetention = { count: 200, ageMs: 14 * 86_400_000 };

const BATCH = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const SUFFIX = '.json.gz';
const zip = promisify(gzip);
const unzip = promisify(gunzip);

/**
 * The snapshots of a data directory: `<directory>/snapshots/<batch>.json.gz`, made when the first one is kept.
 * @param directory - the data directory.
 */
export function openSnapshots(
  directory: string,
  clock: Pick<Clock, 'now'>,
  retention: SnapshotRetention = DEFAULT_SNAPSHOT_RETENTION,
): SnapshotStore {
  const folder = join(directory, 'snapshots');

  const pathOf = (batch: string): string => {
    if (!BATCH.test(batch)) throw new RangeError(`${JSON.stringify(batch)} cannot be the id of a batch`);
    return join(folder, `${batch}${SUFFIX}`);
  };

  const read = async (batch: string): Promise<BatchSnapshot | undefined> => {
    const path = pathOf(batch);
    let packed: Buffer;
    try {
      packed = await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const value = JSON.parse((await unzip(packed)).toString('utf8')) as Partial<BatchSnapshot>;
      if (value.version !== 1 || !Array.isArray(value.parts)) throw new Error('it is no snapshot of automigrate');
      return value as BatchSnapshot;
    } catch (error) {
      throw new Error(`${path}: ${errorMessage(error)}`, { cause: error });
    }
  };

  /** Newest first. */
  const listed = async () => {
    const names = await readdir(folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
    const files = await Promise.all(
      names
        .filter((name) => name.endsWith(SUFFIX))
        .map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
    );
    return files.sort((a, b) => b.at - a.at);
  };

  // The age of a file is told by the clock that was handed in.
  const write = async (path: string, value: BatchSnapshot): Promise<void> =>
    writeWhole(path, await zip(JSON.stringify(value)), {
      draft: `${path}.tmp`,
      mode: 0o600,
      changedAt: new Date(clock.now()),
    });

  return {
    read,
    async add(batch, sender, part) {
      const path = pathOf(batch);
      await mkdir(folder, { recursive: true });
      const known = await read(batch).catch(() => undefined);
      const parts = (known?.parts ?? []).filter((before) => !isOvertaken(before, part));
      await write(path, { version: 1, batch, sender, parts: [...parts, part] });
      const oldest = clock.now() - retention.ageMs;
      for (const [index, { name, at }] of (await listed()).entries()) {
        if (index >= retention.count || at < oldest) await rm(join(folder, name), { force: true });
      }
    },
    async latest() {
      for (const { name } of await listed()) {
        const found = await read(name.slice(0, -SUFFIX.length)).catch(() => undefined);
        if (found) return found;
      }
      return undefined;
    },
  };
}

/** Whether a part was planned again because further alerts had joined it: nothing came of the first plan. */
function isOvertaken(before: PartSnapshot, after: PartSnapshot): boolean {
  const hosts = new Set(after.hosts.map((words) => JSON.stringify(words)));
  return (
    before.rule.name === after.rule.name &&
    before.hosts.length < after.hosts.length &&
    before.hosts.every((words) => hosts.has(JSON.stringify(words)))
  );
}
