import { z } from 'zod';
import type { HttpClient } from '../../http-client.js';
import { HttpCallError, pathOf } from '../../http-client.js';
import { checked } from '../answers.js';
import { ListChanged, readStable } from '../stable-list.js';

/** What {@link readPages} needs. */
export interface PagesOptions<Entry extends z.ZodType> {
  client: HttpClient;
  system: string;
  /** `servers/detail`. */
  path: readonly string[];
  /** The key of the entries, and of `<key>_links`: `servers`. */
  key: string;
  schema: Entry;
  /** What the next page's marker is. */
  idOf: (entry: z.output<Entry>) => string;
  params?: Record<string, string | number | boolean>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A real Nova took 5 to 16 ms for each server of a page: one of 1,000 may not come within REQUEST_TIMEOUT. */
const PAGE_SIZE = 200;

/**
 * A whole list of Nova, page by page, as long as the answer links to a next page. If the entry is gone after which the
 * next page was to begin, or an entry comes twice, the list is read anew, once.
 * @throws FleetError if a page is missing or not what it should be, or if the list changes again.
 */
export function readPages<Entry extends z.ZodType>(options: PagesOptions<Entry>): Promise<z.output<Entry>[]> {
  return readStable(options.system, options.key, () => readOnce(options));
}

async function readOnce<Entry extends z.ZodType>(options: PagesOptions<Entry>): Promise<z.output<Entry>[]> {
  const { client, system, key, idOf, signal } = options;
  const schema = z.object({
    [key]: z.array(options.schema),
    [`${key}_links`]: z.array(z.object({ rel: z.string() })).optional(),
  });
  const all = new Map<string, z.output<Entry>>();
  for (let marker: string | undefined; ;) {
    const what = marker === undefined ? `list ${key}` : `list ${key} after ${marker}`;
    const params = { limit: PAGE_SIZE, ...options.params, ...(marker !== undefined && { marker }) };
    const call = {
      what,
      method: 'GET' as const,
      path: pathOf(...options.path),
      params,
      ...(options.headers && { headers: options.headers }),
      ...(signal && { signal }),
    };
    let answer;
    try {
      answer = await client.read(call);
    } catch (error) {
      // Nova answers 400 (of some lists 404) to a marker that it does not know any more.
      const isGone = marker !== undefined && error instanceof HttpCallError && [400, 404].includes(error.status ?? 0);
      if (isGone) throw new ListChanged(error.message);
      throw error;
    }
    const body = checked(system, what, schema, answer);
    const entries = body[key] as z.output<Entry>[];
    for (const entry of entries) {
      const id = idOf(entry);
      if (all.has(id)) throw new ListChanged(`${id} came twice`);
      all.set(id, entry);
      marker = id;
    }
    const links = (body[`${key}_links`] ?? []) as { rel: string }[];
    if (entries.length === 0 || !links.some(({ rel }) => rel === 'next')) return [...all.values()];
  }
}
