import { type FleetIndex, names } from '../balancer/index.js';
import type { Host } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';
import type { Constraint, SharedTrait } from './constraint.js';

/** The availability zone of a host and its aggregates, in one order, as its tags `az` and `aggregates` say; '' without. */
function placeOf({ tags }: Host): { zone: string; aggregates: string } {
  return { zone: tags?.az ?? '', aggregates: (tags?.aggregates ?? '').split(',').sort().join(',') };
}

/** Numbers hosts by a word, so that those of one word have one number. */
function numbered(index: FleetIndex, wordOf: (host: Host) => string): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(index.hosts, (host) => {
    const word = wordOf(host);
    const number = numbers.get(word) ?? numbers.size;
    numbers.set(word, number);
    return number;
  });
}

function traits({ target: { sameZone, sameAggregate } }: Pick<Rule, 'target'>, index: FleetIndex): SharedTrait[] {
  const kept: SharedTrait[] = [];
  if (sameZone) {
    kept.push({
      kinds: numbered(index, (host) => placeOf(host).zone),
      differs(source, target) {
        const [from, to] = [placeOf(source).zone, placeOf(target).zone];
        const text = `availability zone ${to || '(none)'}, not ${from || '(none)'}`;
        return from === to ? undefined : { reason: 'other_zone', text };
      },
    });
  }
  if (sameAggregate) {
    kept.push({
      kinds: numbered(index, (host) => placeOf(host).aggregates),
      differs(source, target) {
        const [from, to] = [placeOf(source).aggregates, placeOf(target).aggregates];
        const text = `host aggregates ${to || '(none)'}, not ${from || '(none)'}`;
        return from === to ? undefined : { reason: 'other_aggregate', text };
      },
    });
  }
  return kept;
}

/** What the lists of a rule leave out: its source hosts as targets, all but its target hosts, all but its guests. */
export function ruleLists(rule: Pick<Rule, 'name' | 'source' | 'target'>, index: FleetIndex): Constraint {
  const sources = new Set(rule.source.hosts);
  const targets = new Set(rule.target.hosts);
  const guests = new Set(rule.source.guests);
  return {
    host(host) {
      if (sources.size > 0 && names(sources, host)) {
        return { reason: 'rule_source', text: `a source host of rule ${rule.name}` };
      }
      if (targets.size > 0 && !names(targets, host)) {
        return { reason: 'not_a_rule_target', text: `not among the target hosts of rule ${rule.name}` };
      }
      return undefined;
    },
    guest(guest) {
      if (guests.size === 0 || names(guests, guest)) return undefined;
      return { reason: 'not_a_rule_guest', text: `not among the guests of rule ${rule.name}` };
    },
    traits: traits(rule, index),
  };
}
