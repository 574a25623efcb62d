import { z } from 'zod';
import type { HttpClient } from '../../http-client.js';
import { pathOf } from '../../http-client.js';
import { checked } from '../answers.js';

const actionSchema = z.object({
  instanceAction: z.object({
    events: z
      .array(z.object({ event: z.string(), result: z.string().nullish(), details: z.string().nullish() }))
      .default([]),
  }),
});

/**
 * Why a live migration failed, from the actions that Nova keeps of its guest: the details of the newest step that ended in
 * an error, which is the innermost. A copy that broke off leaves none there.
 * @param requestId - of the answer that took the migration on.
 * @returns undefined where Nova keeps no reason, or does not show it to us.
 */
export async function failureReason(
  client: HttpClient,
  system: string,
  guest: { id: string; name: string },
  requestId: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const what = `actions of guest ${guest.name}`;
  const path = pathOf('servers', guest.id, 'os-instance-actions', requestId);
  try {
    const answer = await client.read({ what, method: 'GET', path, ...(signal && { signal }) });
    const { events } = checked(system, what, actionSchema, answer).instanceAction;
    const details = events.find(({ result }) => result === 'Error')?.details;
    // A traceback may stand under the reason.
    const [words] = (details ?? '').trim().split('\n');
    return words === '' ? undefined : words;
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}
