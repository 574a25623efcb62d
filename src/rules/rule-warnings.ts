import { durationText, parseDuration } from '../common/units.js';
import type { RuleFile } from './rule.js';
import { amountOf } from './rule.js';

const MIB = 1024 ** 2;
const DEFAULT_PERIOD = '5m';

/** What a rule is held against besides its schema. */
export interface WarningLimits {
  /** How far two samples of a reading are apart, ms. */
  scrapeIntervalMs: number;
}

function ofThreshold({ metric, threshold }: RuleFile): string[] {
  if (metric === 'cpu.usage_active') {
    if (typeof threshold !== 'number' || threshold >= 1) return [];
    const meant = Math.round(threshold * 1000) / 10;
    return [`threshold: ${threshold} % is next to nothing; did you mean ${meant}?`];
  }
  const { threshold: bytes, ofHostMemory } = amountOf(threshold);
  if (ofHostMemory || !(bytes < MIB)) return [];
  return [`threshold: ${bytes} bytes are next to nothing; did you mean "${parseFloat(String(threshold))}GiB"?`];
}

function ofPeriod({ period = DEFAULT_PERIOD }: RuleFile, { scrapeIntervalMs }: WarningLimits): string[] {
  const ms = parseDuration(period) ?? Infinity;
  if (ms >= 2 * scrapeIntervalMs) return [];
  const text = `period: ${period} holds less than two samples, at one every ${durationText(scrapeIntervalMs)}`;
  return [`${text}; expected ${durationText(2 * scrapeIntervalMs)} at least`];
}

function ofHosts({ source, target }: RuleFile): string[] {
  const sources = source?.hosts ?? [];
  const targets = target?.hosts ?? [];
  if (targets.length === 0 || !targets.every((host) => sources.includes(host))) return [];
  return [`target.hosts: every one is in source.hosts too, and those are never targets: nothing can move`];
}

/** What a rule allows and hardly anybody means, one sentence each that begins with the key. The rule can be used all the same. */
export function ruleWarnings(rule: RuleFile, limits: WarningLimits): string[] {
  return [...ofThreshold(rule), ...ofPeriod(rule, limits), ...ofHosts(rule)];
}
