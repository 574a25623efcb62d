import type { Clock } from '../../../common/clock.js';
import { FleetError } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { pathOf } from '../../http-client.js';
import { refusalIn } from '../answers.js';

/** Where a migration stands by its record; undefined if there is none. */
type ReadStatus = () => Promise<string | undefined>;

/** What is to be given up. */
export interface Abort {
  guest: { id: string; name: string };
  /** Nova's id of the migration. */
  migration: number;
}

/** An abort that works took 0.8 to 1.5 s. */
const LOOKS = 20;
const PAUSE_MS = 500;

/** How a migration's record ends. */
const ENDED = ['completed', 'error', 'failed', 'cancelled'];

/**
 * Aborts a live migration, and waits until it has been seen to take. In `accepted` and `post-migrating` Nova refuses.
 * @throws FleetError that says why it was not cancelled: it may go on.
 */
export async function abortMigration(
  client: HttpClient,
  system: string,
  clock: Clock,
  { guest, migration }: Abort,
  readStatus: ReadStatus,
  signal?: AbortSignal,
): Promise<void> {
  const what = `abort live migration ${migration} of guest ${guest.name}`;
  const notCancelled = (why: string, cause?: unknown) =>
    new FleetError(system, `${what}: not cancelled: ${why}`, { cause });
  try {
    await client.once({
      what,
      method: 'DELETE',
      path: pathOf('servers', guest.id, 'migrations', String(migration)),
      ...(signal && { signal }),
    });
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === undefined) throw error;
    throw notCancelled(`it is ${(await readStatus()) ?? 'unknown'}; ${refusal}`, error);
  }
  for (let looks = 0; looks < LOOKS; looks += 1) {
    const status = await readStatus();
    if (status === 'cancelled') return;
    if (status !== undefined && ENDED.includes(status)) throw notCancelled(`it has ended as ${status}`);
    await clock.sleep(PAUSE_MS, signal);
  }
  throw notCancelled(`asked to, Nova has not done so within ${(LOOKS * PAUSE_MS) / 1000} s`);
}
