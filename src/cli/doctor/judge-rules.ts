import type { Inventory } from '../../fleet/fleet.js';
import { HOST_LABELS, RULE_LABEL, matchAlert } from '../../rules/match.js';
import type { Rule } from '../../rules/rule.js';
import type { Evidence, Finding } from './finding.js';
import { counted, some } from './finding.js';

/** Whether alerts reach the rules, and whether the rules name what there is. */
export function judgeRules({ rules: loaded, cloud, store, config }: Omit<Evidence, 'warnings' | 'journal'>): Finding[] {
  const subject = 'rules';
  const { rules, problems } = loaded;
  const create = 'automigrate rules create test-cpu cpu.usage_active.gt 60 --mode recommend';
  const hasDirectory = !problems.some(({ text }) => text.endsWith('the directory of rules does not exist'));
  const findings: Finding[] = problems.map(({ text }) => ({
    subject,
    verdict: 'wrong',
    text,
    remedy: hasDirectory
      ? 'mend the file: the receiver does not start with it'
      : `${create} makes it, or set RULES_DIR`,
  }));
  if (!hasDirectory) return findings;
  if (rules.length === 0) {
    const remedy = create;
    return [
      ...findings,
      { subject, verdict: 'wrong', text: `no rule in ${config.rulesDir}: no alert leads to anything`, remedy },
    ];
  }
  const inventory = cloud?.inventory.ok ? cloud.inventory.value : undefined;
  const about = rules.flatMap((rule) => [
    ...reachable(rule, rules),
    ...(inventory ? unknownNames(rule, inventory) : []),
    ...tooShort(rule, store?.scrapeIntervalMs ?? 0),
  ]);
  const enabled = rules.filter((rule) => rule.enabled).length;
  const text = `${counted(rules.length, 'rule')} in ${config.rulesDir}, ${enabled} enabled`;
  const allDisabled = enabled === 0;
  return [
    ...findings,
    allDisabled
      ? {
          subject,
          verdict: 'wrong',
          text: `${text}: no alert leads to anything`,
          remedy: 'automigrate rules enable <rule>',
        }
      : { subject, verdict: 'ok', text },
    ...about,
  ];
}

/** Whether an alert that carries just what the rule wants comes to it. */
function reachable(rule: Rule, rules: readonly Rule[]): Finding[] {
  const subject = 'rules';
  if (!rule.enabled) return [{ subject, verdict: 'note', text: `${rule.name} is disabled: it takes no alert` }];
  const name = rule.match.alert ?? rule.name;
  const labels = { ...rule.match.labels, [rule.match.hostLabel ?? HOST_LABELS[0]]: 'a-host' };
  const match = matchAlert({ name, labels }, rules);
  if (!match.matched || match.rule.name === rule.name) return [];
  return [
    {
      subject,
      verdict: 'wrong',
      text: `${rule.name} is hidden by ${match.rule.name}, which takes the same alerts ("${name}")`,
      remedy: `give one of them a match.alert or match.labels of its own, or the alerts the label ${RULE_LABEL}`,
    },
  ];
}

/** Hosts and guests that the rule names and the cloud does not know. */
function unknownNames(rule: Rule, { hosts, guests }: Inventory): Finding[] {
  const known = (records: readonly { id: string; name: string }[]) =>
    new Set(records.flatMap(({ id, name }) => [id, name]));
  const [knownHosts, knownGuests] = [known(hosts), known(guests)];
  const listed = (groups: Rule['keepTogether']) => groups.flatMap((group) => (Array.isArray(group) ? group : []));
  const named: [string, Set<string>, string, readonly string[]][] = [
    ['source.hosts', knownHosts, 'host', rule.source.hosts],
    ['target.hosts', knownHosts, 'host', rule.target.hosts],
    ['pinned', knownHosts, 'host', Object.values(rule.pinned).flat()],
    ['ignore.hosts', knownHosts, 'host', rule.ignore.hosts],
    ['source.guests', knownGuests, 'guest', rule.source.guests],
    ['pinned', knownGuests, 'guest', Object.keys(rule.pinned)],
    ['ignore.guests', knownGuests, 'guest', rule.ignore.guests],
    ['keepTogether', knownGuests, 'guest', listed(rule.keepTogether)],
    ['keepApart', knownGuests, 'guest', listed(rule.keepApart)],
  ];
  return named.flatMap(([key, all, kind, names]): Finding[] => {
    const unknown = names.filter((name) => !all.has(name));
    if (unknown.length === 0) return [];
    const none = unknown.length === names.length && key.startsWith('source') ? ': no alert can move anything' : '';
    return [
      {
        subject: 'rules',
        verdict: 'wrong',
        text: `${rule.name}: ${key} names ${counted(unknown.length, kind)} that the cloud does not know: ${some(unknown)}${none}`,
        remedy: `use the ids or names of automigrate fleet`,
      },
    ];
  });
}

function tooShort({ name, periodMs }: Rule, scrapeIntervalMs: number): Finding[] {
  if (periodMs >= 2 * scrapeIntervalMs) return [];
  return [
    {
      subject: 'rules',
      verdict: 'wrong',
      text: `${name}: its period of ${periodMs / 1000} s holds fewer than two samples, which come every ${scrapeIntervalMs / 1000} s`,
      remedy: 'make the period longer, or correct the scrape interval in the settings',
    },
  ];
}
