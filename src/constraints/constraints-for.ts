import { type Constraints, type Exclusion, fleetIndex } from '../balancer/index.js';
import type { Guest, Host, Snapshot } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';
import { alertingHosts } from './alerting-hosts.js';
import { allocation } from './allocation.js';
import { type BoundaryKeys, boundaries } from './boundaries.js';
import type { Constraint, HostSet, SharedTrait } from './constraint.js';
import { type MoveUnderWay, movesUnderWay } from './moves-under-way.js';
import { ruleLists } from './rule-lists.js';
import { state } from './state.js';

/** What of a rule constrains a plan. Boundaries that are left out are none. */
export type ConstrainingRule = Pick<Rule, 'name' | 'metric' | 'source' | 'target'> &
  Partial<BoundaryKeys & Pick<Rule, 'allocation'>>;

/** What {@link constraintsFor} goes by: plain data, and what the past adds to it. */
export interface ConstraintsRequest {
  snapshot: Snapshot;
  rule: ConstrainingRule;
  /** The alerting hosts that are to be relieved. */
  sourceIds: readonly string[];
  /** Alerting hosts that are not: neither relieved nor targets. */
  otherAlertingIds?: readonly string[];
  /** Guests on their way, whoever moves them. */
  underWay?: readonly MoveUnderWay[];
  /** Families that are not a matter of rule and fleet: cooldown, failures, refusals of the cloud, an approved plan. */
  further?: readonly Constraint[];
}

/**
 * Everything that keeps guests where they are and hosts from taking them, for one plan. Of several reasons the first family
 * is told, in the order below.
 */
export function constraintsFor(request: ConstraintsRequest): Constraints {
  const { snapshot, rule, sourceIds, otherAlertingIds = [], underWay = [], further = [] } = request;
  const index = fleetIndex(snapshot);
  const moving = movesUnderWay(underWay, index);
  const arrivals = moving.arrivals ?? [];
  return combined([
    alertingHosts(sourceIds, otherAlertingIds),
    ruleLists(rule, index),
    state(rule.metric, index),
    moving,
    ...further,
    boundaries(rule, index, arrivals),
    allocation(rule.allocation ?? {}, index, arrivals),
  ]);
}

/** One answer of all families; each host is asked about once. */
function combined(families: readonly Constraint[]): Constraints {
  const ofHosts = families.flatMap((family) => family.host?.bind(family) ?? []);
  const ofGuests = families.flatMap((family) => family.guest?.bind(family) ?? []);
  const onlyTo = families.flatMap((family) => family.onlyTo?.bind(family) ?? []);
  const neverTo = families.flatMap((family) => family.neverTo?.bind(family) ?? []);
  const apart = families.flatMap((family) => family.apart?.bind(family) ?? []);
  const traits = families.flatMap((family) => family.traits ?? []);
  const known = new Map<Host, Exclusion | undefined>();

  function pair(guest: Guest, source: Host, target: Host): Exclusion | undefined {
    for (const trait of traits) {
      const exclusion = trait.differs(source, target);
      if (exclusion) return exclusion;
    }
    const isOn = ({ hostIds }: HostSet) => hostIds.has(target.id);
    for (const sets of onlyTo) for (const set of sets(guest)) if (!isOn(set)) return set.why(guest, target);
    for (const sets of neverTo) for (const set of sets(guest)) if (isOn(set)) return set.why(guest, target);
    return undefined;
  }

  return {
    host(host) {
      if (known.has(host)) return known.get(host);
      const exclusion = first(ofHosts, (family) => family(host));
      known.set(host, exclusion);
      return exclusion;
    },
    guest: (guest, source) => first(ofGuests, (family) => family(guest, source)),
    pair,
    kinds: kindsOf(traits),
    targetsOf: (guest) => ({
      only: onlyTo.flatMap((sets) => sets(guest).map(({ hostIds }) => hostIds)),
      never: neverTo.flatMap((sets) => sets(guest).map(({ hostIds }) => hostIds)),
    }),
    apartGroups: (guest) => apart.flatMap((groups) => groups(guest)),
    capacities: families.flatMap(({ capacities = [] }) => capacities),
    arrivals: families.flatMap(({ arrivals = [] }) => arrivals),
  };
}

function first<T>(families: readonly T[], ask: (family: T) => Exclusion | undefined): Exclusion | undefined {
  for (const family of families) {
    const exclusion = ask(family);
    if (exclusion) return exclusion;
  }
  return undefined;
}

/** Numbers that two hosts have in common where they share every trait. */
function kindsOf([trait, ...others]: readonly SharedTrait[]): Int32Array {
  let kinds = trait?.kinds ?? new Int32Array();
  for (const other of others) {
    const numbers = new Map<number, number>();
    kinds = kinds.map((kind, at) => {
      const both = kind * 2 ** 26 + (other.kinds[at] ?? 0);
      const number = numbers.get(both) ?? numbers.size;
      numbers.set(both, number);
      return number;
    });
  }
  return kinds;
}
