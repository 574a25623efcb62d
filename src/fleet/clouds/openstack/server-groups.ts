import { z } from 'zod';
import type { HttpClient } from '../../http-client.js';
import { HttpCallError } from '../../http-client.js';
import { checked } from '../answers.js';
import type { ServerGroup } from './scheduling-constraints.js';

const groupsSchema = z.object({
  server_groups: z.array(
    z.object({
      name: z.string(),
      policy: z.string(),
      members: z.array(z.string()),
      rules: z.object({ max_server_per_host: z.number().nullish() }).nullish(),
    }),
  ),
});

const PAGE_SIZE = 200;
/** Groups whose members Nova's scheduler keeps together or apart, whatever else; the `soft-` ones only prefer it. */
const STRICT = ['affinity', 'anti-affinity'];

/** The strict server groups of every project; none where we may not ask for them: Nova then refuses what they forbid. */
export async function readServerGroups(
  client: HttpClient,
  system: string,
  signal?: AbortSignal,
): Promise<ServerGroup[]> {
  const what = 'list server groups';
  const groups: ServerGroup[] = [];
  for (let offset = 0; ;) {
    const params = { all_projects: true, limit: PAGE_SIZE, offset };
    let answer;
    try {
      answer = await client.read({ what, method: 'GET', path: '/os-server-groups', params, ...(signal && { signal }) });
    } catch (error) {
      if (error instanceof HttpCallError && error.status === 403) return [];
      throw error;
    }
    const page = checked(system, what, groupsSchema, answer).server_groups;
    if (page.length === 0) return groups;
    offset += page.length;
    for (const { name, policy, members, rules } of page) {
      if (!STRICT.includes(policy)) continue;
      groups.push({ name, policy, members, mostPerHost: rules?.max_server_per_host ?? 1 });
    }
  }
}
