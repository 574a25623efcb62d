import { describe, expect, it } from 'vitest';
import type { DecisionRequest, Known } from '../../src/decide/decision.js';
import { judge } from '../../src/decide/judge.js';
import { planByRule } from '../../src/decide/plan-moves.js';
import type { Settled } from '../../src/decide/settle.js';
import { withDefaults } from '../../src/decide/rule-defaults.js';
import type { FleetReadings, Snapshot } from '../../src/fleet/fleet.js';
import type { MigrationRecord } from '../../src/journal/journal.js';
import type { RuleFile } from '../../src/rules/rule.js';
import { fleet, guest, host } from '../support/fleet.js';
import { rule } from '../support/service.js';

const NOW = Date.parse('2026-11-21T05:00:00Z');
const MINUTE = 60_000;
const clock = { now: () => NOW, monotonic: () => 0, sleep: () => Promise.resolve() };
const nothing: Known = { moves: [], attempts: [], underWay: [], ruleState: undefined };

interface Given {
  snapshot: Snapshot;
  alerting: string[];
  rule?: Partial<RuleFile>;
  /** Samples of the last minutes by host, oldest first. */
  samples?: Record<string, number[]>;
  unsettled?: string[];
  known?: Known;
  migrations?: MigrationRecord[];
}

function judged({ snapshot, alerting, samples = {}, unsettled = [], known = nothing, ...given }: Given) {
  const request: DecisionRequest = {
    batch: 'b1',
    sender: 'grafana',
    rule: rule(given.rule),
    rules: [],
    hosts: alerting.map((name) => [name]),
    known,
    migrations: given.migrations ?? [],
    budget: {},
    mode: 'auto',
  };
  const readings: FleetReadings = {
    hosts: new Map(
      Object.entries(samples).map(([name, values]) => {
        const dated = values.map((value, at) => ({ value, at: NOW - (values.length - 1 - at) * MINUTE }));
        return [`id-${name}`, { 'cpu.usage_active': { value: 0, at: NOW, samples: dated } }];
      }),
    ),
    guests: new Map(),
  };
  const draft: Settled = {
    request,
    findings: [],
    pauses: [],
    lagging: [],
    answer: { snapshot, discarded: [], readings },
    scrapeIntervalMs: MINUTE,
    hostsNamedBy: undefined,
    snapshot,
    unsettled: new Map(unsettled.map((name) => [`id-${name}`, NOW - 10_000])),
  };
  const step = judge(draft, { clock });
  if ('ended' in step) throw new Error(`ended: ${JSON.stringify(step.findings)}`);
  const plan = planByRule({
    snapshot,
    rule: withDefaults(request.rule),
    sourceIds: step.sourceIds,
    otherAlertingIds: step.otherAlertingIds,
    exclusions: [],
    underWay: [],
    unsettledIds: [...draft.unsettled.keys()],
    limits: {},
  });
  return { ...step, moves: plan.migrations.map((each) => `${each.guest.name} to ${each.target_host.name}`) };
}

/** a and b alert; b would be the best target for what a has to give, and has itself something to give. */
const two = (b: number) =>
  fleet([host('a', 70), host('b', b), host('c', 45)], [guest('g', 'a', 60), guest('h', 'b', 60)]);

describe('an alerting host that is to be left alone is neither relieved nor a target', () => {
  it('where its readings do not pass the threshold', () => {
    expect(judged({ snapshot: two(30), alerting: ['a', 'b'] })).toMatchObject({
      sourceIds: ['id-a'],
      otherAlertingIds: ['id-b'],
      moves: ['g to c'],
    });
  });

  it('where the evidence is not enough', () => {
    const given = { rule: { evidence: 'minimum' as const, period: '5m' }, samples: { a: [70, 70], b: [90, 50, 90] } };
    const step = judged({ snapshot: two(75), alerting: ['a', 'b'], ...given });
    expect(step).toMatchObject({ sourceIds: ['id-a'], otherAlertingIds: ['id-b'], moves: ['g to c'] });
    expect(step.findings).toMatchObject([{ action: 'not_needed', notes: expect.stringContaining('2 of 3 samples') }]);
  });

  it('where its readings have not settled', () => {
    expect(judged({ snapshot: two(75), alerting: ['a', 'b'], unsettled: ['b'] })).toMatchObject({
      sourceIds: ['id-a'],
      otherAlertingIds: ['id-b'],
      moves: ['g to c'],
    });
  });

  it('where the rule ignores it, or does not relieve it', () => {
    for (const over of [{ ignore: { hosts: ['b'] } }, { source: { hosts: ['a'] } }]) {
      const step = judged({ snapshot: two(30), alerting: ['a', 'b'], rule: over });
      expect(step).toMatchObject({ sourceIds: ['id-a'], otherAlertingIds: ['id-b'], moves: ['g to c'] });
      expect(step.findings).toMatchObject([{ action: 'ignored' }]);
    }
  });
});

it('samples from before a move are no evidence for what is left after it', () => {
  const moves = [{ guestId: 'id-x', fromId: 'id-b', from: 'b', toId: 'id-c', to: 'c', at: NOW - 2.5 * MINUTE }];
  const given = { rule: { evidence: { share: 0.7 }, period: '5m' }, samples: { a: [70], b: [90, 90, 90, 50, 62] } };
  const step = judged({ snapshot: two(62), alerting: ['a', 'b'], known: { ...nothing, moves }, ...given });
  expect(step).toMatchObject({ sourceIds: ['id-a'], otherAlertingIds: ['id-b'] });
  expect(step.findings).toMatchObject([{ notes: expect.stringContaining('1 of 2 samples') }]);
});

it('after a move that failed, only the host that it was to leave is judged again; nothing is said of the others', () => {
  const record = (name: string, on: string, phase: MigrationRecord['phase']): MigrationRecord => ({
    rule: 'test-cpu',
    phase,
    notes: {
      guest: { id: `id-${name}`, name, host: on, host_id: `id-${on}`, score: 12, vcpu_count: 8, vmem_size: 8192 },
      target_host: { id: 'id-c', name: 'c', score: 45 },
    },
  });
  const migrations = [record('g', 'a', 'failed'), record('h', 'b', 'succeeded')];
  expect(judged({ snapshot: two(58), alerting: ['a', 'b'], migrations })).toMatchObject({
    sourceIds: ['id-a'],
    otherAlertingIds: ['id-b'],
    findings: [],
    lagging: [],
  });
});
