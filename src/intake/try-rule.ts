import type { Plan } from '../balancer/index.js';
import { outsideWindows } from '../common/time-windows.js';
import type { Decision } from '../decide/decision.js';
import type { HostIndex } from '../fleet/find-host.js';
import { findHost, indexHosts } from '../fleet/find-host.js';
import { textOf } from '../journal/event-text.js';
import type { Rule } from '../rules/rule.js';
import { pausedUntil } from '../verification/rule-mode.js';
import type { DecidePartDeps } from './decide-part.js';
import { decidePart } from './decide-part.js';
import type { Pause } from './pause.js';
import { operatorPauseText } from './pause.js';
import type { BatchView, TryAnswer, TryView } from './views.js';
import { pauseText } from './windows-and-pauses.js';

/** What {@link tryRule} needs. */
export interface TryDeps {
  deciding: DecidePartDeps;
  pause: Pick<Pause, 'current'>;
  /** What runs now. */
  running: () => BatchView | null;
  /** The hosts of the last inventory; undefined before there is one. */
  hostIndex: () => HostIndex | undefined;
}

/**
 * Plans for a rule as if hosts alerted now, on fresh readings. Nothing is moved, recorded or remembered.
 * @param hosts - for each the words that may name it, best first.
 * @throws FleetError where the cloud cannot be asked which hosts there are.
 */
export async function tryRule(name: string, hosts: readonly string[][], deps: TryDeps): Promise<TryAnswer> {
  const { deciding } = deps;
  const rule = deciding.rules().find((each) => each.name === name);
  if (!rule) return { outcome: 'unknown', text: `there is no rule ${name}` };
  const unknown = await unknownHost(hosts, deps);
  if (unknown !== undefined) return { outcome: 'unknown', text: unknown };
  const batch = deps.running();
  const record = { id: 'try', sender: 'try', migrations: batch?.migrations ?? [] };
  const decision = await decidePart(record, { hosts: [...hosts] }, rule, deciding, { trial: true });
  const plan = decision.plan?.whole ?? withoutPlan(rule, decision);
  const view: TryView = { ...plan, would: wouldDo(rule, decision, deps), ...(batch && { batch: batch.id }) };
  return { outcome: 'tried', plan: view };
}

/** The sentence about a host that the cloud does not know. */
async function unknownHost(hosts: readonly string[][], { deciding, hostIndex }: TryDeps): Promise<string | undefined> {
  const strangers = (index: HostIndex) =>
    hosts.flatMap((words) => {
      const found = findHost(words, index);
      return found.found === 'unknown' ? [found.text] : [];
    });
  const known = hostIndex();
  if (known && strangers(known).length === 0) return undefined;
  // There may be a new one.
  return strangers(indexHosts(await deciding.decisions.hosts(deciding.signal)))[0];
}

/** What an alert would lead to now, beside its plan. */
function wouldDo(
  rule: Rule,
  { steering, findings }: Decision,
  { deciding, pause, running }: TryDeps,
): TryView['would'] {
  const { journal, clock } = deciding;
  const now = clock.now();
  const held: [NonNullable<TryView['would']['held_by']>, string][] = [];
  const by = pause.current();
  if (by) held.push(['paused', operatorPauseText(by)]);
  if (!rule.enabled) held.push(['rule_disabled', `rule ${rule.name} is disabled`]);
  const until = pausedUntil(journal.memory(), rule.name, now);
  if (until !== undefined) held.push(['paused', pauseText(rule.name, until)]);
  const outside = outsideWindows(rule.windows, now);
  if (outside !== undefined) held.push(['outside_window', `rule ${rule.name}: ${outside}`]);
  const batch = running();
  if (batch?.step === 'migrating') {
    held.push(['busy', `batch ${batch.id} is running; alerts that come meanwhile are dropped`]);
  }
  const [first] = held;
  if (first) return { outcome: 'nothing', reasons: held.map(([, text]) => text), held_by: first[0] };
  const said = findings.map((finding) => textOf({ ...finding, obj_name: rule.name, user: 'try' }));
  switch (steering.kind) {
    case 'move':
      return { outcome: 'move', reasons: said };
    case 'recommend':
      return { outcome: 'recommend', reasons: [steering.why ?? `rule ${rule.name} only recommends`, ...said] };
    case 'changed':
    case 'nothing':
      return { outcome: 'nothing', reasons: said };
  }
}

/** What is told where it did not come to a plan: no host is past its threshold, or it is not known. */
function withoutPlan(rule: Rule, { findings }: Decision): Plan {
  const failed = findings.some(({ action }) => action === 'metrics_fail' || action === 'decision_fail');
  const said = findings.map(({ notes }) => (typeof notes === 'string' ? notes : JSON.stringify(notes)));
  return {
    outcome: failed ? 'find_result_fail' : 'not_needed',
    rule: rule.name,
    metric: rule.metric,
    threshold: rule.threshold,
    sources: [],
    migrations: [],
    cost: 0,
    optimal: true,
    gap: 0,
    notes: said.join('; '),
    rejected: [],
    explanation: { sources: [], chosen: 'nothing moves', refusedHosts: [], refusedGuests: [], loads: [] },
  };
}
