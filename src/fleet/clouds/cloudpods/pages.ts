import { z } from 'zod';
import { FleetError } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { pathOf } from '../../http-client.js';
import { checked } from '../answers.js';
import { ListChanged, readStable } from '../stable-list.js';

/** What {@link readPages} needs. */
export interface PagesOptions<Entry extends z.ZodType<{ id: string }>> {
  client: HttpClient;
  system: string;
  /** The list's path, which is also the key of its entries: `servers`. */
  list: string;
  schema: Entry;
  signal?: AbortSignal;
}

const PAGE_SIZE = 1024;
/** Pages asked for at the same time. */
const AT_ONCE = 4;

/**
 * A whole list of Cloudpods, page by page. A list that changes between two pages is read anew, once.
 * @returns every entry once.
 * @throws FleetError if a page is missing or not what it should be, or if the list changes again.
 */
export function readPages<Entry extends z.ZodType<{ id: string }>>(
  options: PagesOptions<Entry>,
): Promise<z.output<Entry>[]> {
  return readStable(options.system, options.list, () => readOnce(options));
}

async function readOnce<Entry extends z.ZodType<{ id: string }>>(
  options: PagesOptions<Entry>,
): Promise<z.output<Entry>[]> {
  const { client, system, list, signal } = options;
  const schema = z.object({ [list]: z.array(options.schema).nullish(), total: z.number().int().nullish() });

  const page = async (offset: number) => {
    const what = `list ${list} from ${offset}`;
    const params = { scope: 'system', details: true, limit: PAGE_SIZE, offset, order_by: 'id', order: 'asc' };
    const answer = await client.read({ what, method: 'GET', path: pathOf(list), params, ...(signal && { signal }) });
    const body = checked(system, what, schema, answer);
    const entries = body[list] as z.output<Entry>[] | null | undefined;
    // An absent list is no empty one: something else has answered.
    if (!entries) throw new FleetError(system, `${what}: the answer is not what it should be: ${list} is missing`);
    return { entries, total: typeof body.total === 'number' ? body.total : undefined };
  };

  const first = await page(0);
  const total = first.total ?? first.entries.length;
  if (first.total === undefined && first.entries.length >= PAGE_SIZE) {
    throw new FleetError(system, `list ${list}: the answer is not what it should be: total is missing`);
  }
  // A server may give shorter pages than it is asked for.
  const step = first.entries.length;
  if (step === 0 && total > 0) throw new ListChanged(`0 of ${total} came`);
  const offsets: number[] = [];
  for (let offset = step; offset < total; offset += step) offsets.push(offset);

  const rest = await inParallel(offsets, async (offset) => {
    const { entries, total: now } = await page(offset);
    if (now !== undefined && now !== total) throw new ListChanged(`first ${total} entries, then ${now}`);
    return entries;
  });
  const all = [...first.entries, ...rest.flat()];
  const ids = new Set(all.map(({ id }) => id));
  if (ids.size !== all.length) throw new ListChanged(`${all.length - ids.size} entries came twice`);
  if (all.length !== total) throw new ListChanged(`${all.length} of ${total} entries came`);
  return all;
}

/** Works through a list, a few at a time; the results in the order of the list. The first error ends it. */
export async function inParallel<T, R>(list: readonly T[], work: (entry: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const todo = list.entries();
  const worker = async () => {
    for (const [index, entry] of todo) results[index] = await work(entry);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
