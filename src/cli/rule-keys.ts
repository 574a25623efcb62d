import { CPU_CEILING, MEMORY_FLOOR } from '../balancer/index.js';
import type { RuleFile } from '../rules/rule.js';
import { durationText } from '../common/units.js';
import { DEFAULTS } from '../decide/rule-defaults.js';

/** Keys beside those of the first tables, each with what is done where a rule leaves it out. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  headroom: String(DEFAULTS.headroom),
  worth: `${DEFAULTS.worth} GiB`,
  relieve: DEFAULTS.relieve,
  cooldown: durationText(DEFAULTS.cooldownMs),
  'guards.memoryFloor': `${MEMORY_FLOOR / 1024 ** 3}GiB`,
  'guards.cpuCeiling': String(CPU_CEILING),
  'allocation.memory': 'any',
  'allocation.cpu': 'any',
  evidence: DEFAULTS.evidence,
  mode: 'auto',
  keepTogether: 'none',
  keepApart: 'none',
  pinned: 'none',
  'ignore.guests': 'none',
  'ignore.hosts': 'none',
  'ignore.tags': 'none',
  leastGain: '0.2',
  'windows.timeZone': 'UTC',
  'windows.allow': 'any time',
  'windows.deny': 'none',
  'limits.migrationsPerHour': 'none',
  'limits.memoryPerHour': 'none',
  'limits.perSource': 'none',
  'limits.perTarget': 'none',
  foreignPause: '15m',
  'target.sameZone': 'false',
  'target.sameAggregate': 'false',
  'target.withLocalDisks': 'false',
};

function textOf(value: unknown): string {
  if (Array.isArray(value))
    return value.map((each) => (Array.isArray(each) ? `[${textOf(each)}]` : textOf(each))).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, each]) => `${name}: ${textOf(each)}`)
    .join('; ');
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

function valueAt(rule: RuleFile, key: string): unknown {
  return key.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], rule);
}

/** The keys of a rule that say how far it goes, each with its value, or with the default and that it is one. */
export function steeringRows(rule: RuleFile): [key: string, value: string][] {
  return Object.entries(LEFT_OUT).map(([key, usual]) => {
    const value = valueAt(rule, key);
    return [key, isEmpty(value) ? `${usual} (default)` : textOf(value)];
  });
}
