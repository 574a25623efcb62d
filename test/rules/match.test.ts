import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchAlert, withoutPort } from '../../src/rules/match.js';
import type { Rule } from '../../src/rules/rule.js';
import { rule } from './files.js';

const host = { host: 'a15' };
const taker = (alert: { name: string; labels: Record<string, string> }, ...rules: ReturnType<typeof rule>[]) => {
  const match = matchAlert(alert, rules);
  return match.matched ? match.rule.name : match.reason;
};

describe('a rule takes an alert', () => {
  it('of its own name', () => {
    expect(taker({ name: 'cpu', labels: host }, rule('mem'), rule('cpu'))).toBe('cpu');
    expect(taker({ name: 'CPU', labels: host }, rule('cpu'))).toBe('no_rule');
    expect(taker({ name: 'cpu', labels: host })).toBe('no_rule');
  });

  it('that names it in the label migration_rule, whatever the alert is called', () => {
    const alert = { name: 'HostHot', labels: { ...host, migration_rule: 'cpu' } };
    expect(taker(alert, rule('cpu'), rule('HostHot'))).toBe('cpu');
    expect(taker(alert, rule('cpu', { match: { alert: 'Other' } }))).toBe('cpu');
    expect(taker(alert, rule('HostHot'))).toBe('HostHot');
  });

  it('of the name in match.alert, then no longer of its own', () => {
    const explicit = rule('cpu', { match: { alert: 'HostHot' } });
    expect(taker({ name: 'HostHot', labels: host }, explicit)).toBe('cpu');
    expect(taker({ name: 'cpu', labels: host }, explicit)).toBe('no_rule');
  });

  it('only with all of match.labels, besides the name', () => {
    const strict = rule('cpu', { match: { labels: { severity: 'critical', zone: 'z1' } } });
    expect(taker({ name: 'cpu', labels: { ...host, severity: 'critical', zone: 'z1' } }, strict)).toBe('cpu');
    expect(taker({ name: 'cpu', labels: { ...host, severity: 'critical' } }, strict)).toBe('no_rule');
    expect(taker({ name: 'cpu', labels: { ...host, severity: 'critical', zone: 'z2' } }, strict)).toBe('no_rule');
    expect(taker({ name: 'mem', labels: { ...host, severity: 'critical', zone: 'z1' } }, strict)).toBe('no_rule');
    expect(taker({ name: 'x', labels: { ...host, migration_rule: 'cpu' } }, strict)).toBe('no_rule');
  });

  it('never by what every object has', () => {
    expect(taker({ name: 'cpu', labels: {} }, rule('cpu', { match: { hostLabel: 'constructor' } }))).toBe('no_host');
    const odd = rule('cpu', { match: { labels: { toString: 'x' } } });
    expect(taker({ name: 'cpu', labels: host }, odd)).toBe('no_rule');
  });
});

describe('of several rules', () => {
  const named = rule('Hot');
  const explicit = rule('z', { match: { alert: 'Hot' } });
  const other = rule('y', { match: { alert: 'Hot' } });
  const closer = rule('zz', { match: { alert: 'Hot', labels: { severity: 'critical' } } });
  const disabled = rule('a', { match: { alert: 'Hot', labels: { severity: 'critical' } }, enabled: false });
  const alert = { name: 'Hot', labels: { ...host, severity: 'critical' } };

  it('the closest takes the alert: explicit before named, more labels before fewer, then by name', () => {
    expect(taker(alert, named, explicit, other, closer)).toBe('zz');
    expect(taker(alert, named, explicit, other)).toBe('y');
    expect(taker(alert, named, explicit)).toBe('z');
  });

  it('a disabled one stands back, unless the alert names it outright', () => {
    expect(taker(alert, disabled, named)).toBe('Hot');
    expect(taker(alert, disabled)).toBe('rule_disabled');
    expect(taker({ ...alert, labels: { ...alert.labels, migration_rule: 'a' } }, disabled, named)).toBe(
      'rule_disabled',
    );
  });

  it('the choice does not depend on their order', () => {
    const all = [named, explicit, other, closer, disabled];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (rules) => {
        expect(taker(alert, ...rules)).toBe('zz');
      }),
    );
  });
});

describe('among many rules', () => {
  /** The rule that takes an alert, by asking each: the sentence that `matchAlert` says of itself, word for word. */
  const takerOfAll = ({ name, labels }: { name: string; labels: Record<string, string> }, rules: Rule[]) => {
    const isAddressed = (each: Rule) => labels.migration_rule?.trim() === each.name;
    const takers = rules.filter(
      (each) =>
        Object.entries(each.match.labels).every(([key, value]) => labels[key] === value) &&
        (isAddressed(each) || (each.match.alert ?? each.name) === name),
    );
    const points = (each: Rule) => [
      isAddressed(each) ? 1 : 0,
      each.enabled || isAddressed(each) ? 1 : 0,
      each.match.alert === undefined ? 0 : 1,
      Object.keys(each.match.labels).length,
    ];
    return takers.reduce<Rule | undefined>((best, each) => {
      if (!best) return each;
      const differs = points(each).findIndex((point, at) => point !== points(best)[at]);
      const isBetter = differs < 0 ? each.name < best.name : points(each)[differs]! > points(best)[differs]!;
      return isBetter ? each : best;
    }, undefined);
  };

  it('the very rule is found that asking each of them finds', () => {
    const word = fc.constantFrom('a', 'b', 'c');
    const labels = fc.dictionary(fc.constantFrom('severity', 'cluster', 'zone'), word, { maxKeys: 3 });
    const spec = fc.record({ alert: fc.option(word, { nil: undefined }), labels, enabled: fc.boolean() });
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { maxLength: 7 });
    const rules = fc.tuple(names, fc.array(spec, { minLength: 7, maxLength: 7 })).map(([all, specs]) =>
      all.map((name, at) => {
        const { alert, labels: wanted, enabled } = specs[at]!;
        return rule(name, { enabled, match: { labels: wanted, ...(alert !== undefined && { alert }) } });
      }),
    );
    const addressed = fc.option(fc.constantFrom('a', ' e ', 'nobody', ''), { nil: undefined });
    let taken = 0;
    fc.assert(
      fc.property(rules, word, labels, addressed, (all, name, own, address) => {
        const alert = { name, labels: { ...host, ...own, ...(address !== undefined && { migration_rule: address }) } };
        const expected = takerOfAll(alert, all);
        if (expected?.enabled) taken += 1;
        expect(taker(alert, ...all)).toBe(expected ? (expected.enabled ? expected.name : 'rule_disabled') : 'no_rule');
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('few are looked at: 2,000 alerts do not go through 5,000 rules each', () => {
    let looks = 0;
    const rules = Array.from({ length: 5000 }, (_, at) => {
      const made = rule(`rule-${at}`, { match: { alert: 'Hot', labels: { severity: 'critical', cluster: `c${at}` } } });
      const { labels } = made.match;
      return {
        ...made,
        match: {
          ...made.match,
          get labels() {
            looks += 1;
            return labels;
          },
        },
      };
    });
    matchAlert({ name: 'other', labels: host }, rules);
    looks = 0;
    for (let at = 0; at < 2000; at += 1) {
      const match = matchAlert({ name: 'Hot', labels: { ...host, severity: 'critical', cluster: `c${at}` } }, rules);
      expect(match).toMatchObject({ matched: true, rule: { name: `rule-${at}` } });
    }
    expect(looks).toBeLessThanOrEqual(2000);
  });
});

describe('the host', () => {
  const words = (labels: Record<string, string>, hostLabel?: string) => {
    const match = matchAlert({ name: 'cpu', labels }, [
      rule('cpu', hostLabel === undefined ? {} : { match: { hostLabel } }),
    ]);
    return match.matched ? match.hosts : match;
  };

  it('is looked for in the usual labels, the surest first, each word once', () => {
    const labels = {
      instance: '10.0.0.5:9100',
      nodename: 'a15',
      hostname: 'h',
      host: 'a15',
      host_name: ' a15 ',
      host_id: '733b',
      job: 'node',
    };
    expect(words(labels)).toEqual(['733b', 'a15', 'h', '10.0.0.5']);
  });

  it('is looked for in hostLabel alone where the rule says so', () => {
    expect(words({ host_id: '733b', node: 'a15' }, 'node')).toEqual(['a15']);
    expect(words({ node: '10.0.0.5:9100' }, 'node')).toEqual(['10.0.0.5:9100', '10.0.0.5']);
    expect(words({ host_id: '733b' }, 'node')).toEqual({
      matched: false,
      reason: 'no_host',
      text: 'the alert "cpu" names no host: it has no label node',
    });
  });

  it('may be missing', () => {
    expect(words({ host: ' ', job: 'node' })).toEqual({
      matched: false,
      reason: 'no_host',
      text: 'the alert "cpu" names no host: it has none of the labels host_id, host_name, host, hostname, nodename, instance',
    });
  });

  it.each([
    ['a15:9100', 'a15'],
    ['a15', 'a15'],
    ['[::1]:9100', '::1'],
    ['[fe80::1]', 'fe80::1'],
    ['fe80::1', 'fe80::1'],
    ['https://a15.example.com:8006/metrics', 'a15.example.com'],
    ['qemu+ssh://root@a15/system', 'a15'],
    ['https://[::1]:8006/', '::1'],
    ['a15:', 'a15:'],
  ])('of the instance %s is %s', (instance, expected) => {
    expect(withoutPort(instance)).toBe(expected);
  });
});
