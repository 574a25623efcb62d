import { z } from 'zod';
import type { ProxmoxApi } from './proxmox-api.js';
import { flag, number } from './proxmox-api.js';
import { isUnavailable } from './refusal.js';
import type { GuestResource, NodeResource } from './resources.js';

const resourcesSchema = z.array(
  z.object({
    sid: z.string(),
    state: z.string().nullish(),
    group: z.string().nullish(),
    failback: flag.nullish(),
  }),
);

const rulesSchema = z.array(
  z.object({
    rule: z.string(),
    type: z.string(),
    resources: z.string(),
    nodes: z.string().nullish(),
    strict: flag.nullish(),
    affinity: z.string().nullish(),
    disable: flag.nullish(),
    /** The HA manager leaves out a rule that contradicts another one. */
    errors: z.unknown().optional(),
  }),
);

const groupsSchema = z.array(
  z.object({
    group: z.string(),
    nodes: z.string().nullish(),
    restricted: flag.nullish(),
    nofailback: flag.nullish(),
  }),
);

const crsSchema = z.object({ crs: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish() });

/** Where a guest belongs, by a rule of Proxmox VE 9 or a group of Proxmox VE 8. */
export interface NodeAffinity {
  /** `HA rule pin`, `HA group fast`. */
  name: string;
  /** By node; higher is preferred. */
  priorities: ReadonlyMap<string, number>;
  /** The guest runs on no other node. */
  strict: boolean;
  /** The HA manager sends the guest back to the preferred nodes. */
  failback: boolean;
}

/** Guests that are kept on one node, or each on another. */
export interface ResourceAffinity {
  name: string;
  together: boolean;
  /** Ids of HA, `vm:100`. */
  sids: readonly string[];
}

/** What holds for one guest under HA. */
export interface HaPlacement {
  sid: string;
  nodes?: NodeAffinity;
  resources: readonly ResourceAffinity[];
}

/**
 * Where the HA manager wants a guest to be; its preconditions do not tell: the move is taken, and the guest sent back.
 * @param sid - `vm:100`.
 * @returns undefined where the guest is not under HA.
 */
export async function readHaPlacement(
  api: ProxmoxApi,
  sid: string,
  signal?: AbortSignal,
): Promise<HaPlacement | undefined> {
  const resources = await api.get('list HA resources', '/cluster/ha/resources', resourcesSchema, { signal });
  const own = resources.find((resource) => resource.sid === sid);
  if (!own || own.state === 'ignored') return undefined;
  let rules: z.output<typeof rulesSchema>;
  try {
    rules = await api.get('list HA rules', '/cluster/ha/rules', rulesSchema, { signal });
  } catch (error) {
    // Before Proxmox VE 9 there are groups instead.
    if (!isUnavailable(error)) throw error;
    const nodes = own.group ? await groupOf(api, own.group, signal) : undefined;
    return { sid, ...(nodes && { nodes }), resources: [] };
  }
  const valid = rules.filter((rule) => !rule.disable && !rule.errors && idsIn(rule.resources).includes(sid));
  const pin = valid.find(({ type }) => type === 'node-affinity');
  return {
    sid,
    ...(pin && {
      nodes: {
        name: `HA rule ${pin.rule}`,
        priorities: prioritiesIn(pin.nodes),
        strict: pin.strict ?? false,
        failback: own.failback ?? true,
      },
    }),
    resources: valid
      .filter(({ type }) => type === 'resource-affinity')
      .map((rule) => ({
        name: `HA rule ${rule.rule}`,
        together: rule.affinity === 'positive',
        sids: idsIn(rule.resources).filter((other) => other !== sid),
      })),
  };
}

/**
 * Why the HA manager would not leave a guest on a node.
 * @param node - the target's name.
 * @param fleet - nodes and guests as they are now.
 * @returns the reasons, none if it would.
 */
export function haObstacles(
  { nodes: affinity, resources }: HaPlacement,
  node: string,
  { nodes, guests }: { nodes: readonly NodeResource[]; guests: readonly GuestResource[] },
): string[] {
  const reasons: string[] = [];
  if (affinity) {
    const { name, priorities, strict, failback } = affinity;
    const online = nodes.filter(({ status, hastate }) => status === 'online' && hastate !== 'maintenance');
    // Nodes that are not named come last where they are allowed at all.
    const priorityOf = (it: string) => priorities.get(it) ?? (strict ? undefined : -1);
    const own = priorityOf(node);
    const best = Math.max(...online.map((it) => priorityOf(it.node) ?? -Infinity));
    if (own === undefined) {
      reasons.push(`${name} allows only ${[...priorities.keys()].join(', ') || 'no node'}`);
    } else if (failback && own < best) {
      const preferred = online.filter((it) => priorityOf(it.node) === best).map((it) => it.node);
      reasons.push(`${name} prefers ${preferred.join(', ')}: the HA manager would send it back there`);
    }
  }
  const nodeOf = new Map(guests.map(({ type, vmid, node: on }) => [`${type === 'lxc' ? 'ct' : 'vm'}:${vmid}`, on]));
  for (const { name, together, sids } of resources) {
    const broken = sids.filter((sid) => nodeOf.has(sid) && (nodeOf.get(sid) === node) !== together);
    if (broken.length === 0) continue;
    reasons.push(`${name} keeps it ${together ? 'with' : 'apart from'} ${broken.join(', ')}`);
  }
  return reasons;
}

/** Whether the HA manager moves guests by their load of its own accord. */
export async function doesHaBalance(api: ProxmoxApi, signal?: AbortSignal): Promise<boolean> {
  const { crs } = await api.get('cluster options', '/cluster/options', crsSchema, { signal });
  const settings = new Map<string, unknown>(
    typeof crs === 'string'
      ? crs.split(',').map((part): [string, string] => [part.split('=')[0] ?? '', part.split('=')[1] ?? ''])
      : Object.entries(crs ?? {}),
  );
  const isOn = flag.safeParse(settings.get('ha-auto-rebalance'));
  return settings.get('ha') === 'dynamic' && isOn.success && isOn.data;
}

async function groupOf(api: ProxmoxApi, group: string, signal?: AbortSignal): Promise<NodeAffinity | undefined> {
  const groups = await api.get('list HA groups', '/cluster/ha/groups', groupsSchema, { signal });
  const own = groups.find((it) => it.group === group);
  if (!own) return undefined;
  return {
    name: `HA group ${group}`,
    priorities: prioritiesIn(own.nodes),
    strict: own.restricted ?? false,
    failback: !own.nofailback,
  };
}

function idsIn(list: string): string[] {
  return list.split(/[,;\s]+/).filter((id) => id !== '');
}

/** `pve1:2,pve2`: a node without a number has priority 0. */
function prioritiesIn(nodes: string | null | undefined): Map<string, number> {
  return new Map(
    idsIn(nodes ?? '').map((entry) => {
      const [node = '', priority = '0'] = entry.split(':');
      return [node, number.parse(priority)];
    }),
  );
}
