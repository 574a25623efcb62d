import { expect, test } from 'vitest';
import type { Alert } from '../../src/alerts/alert.js';
import { sortAlerts } from '../../src/intake/sort-alerts.js';
import { matchAlerts } from '../../src/rules/match.js';
import { openRule } from '../support/service.js';

const rules = [openRule({ name: 'cpu-high' }), openRule({ name: 'mem-low' })];
const firing = (name: string, host: string): Alert => ({
  sender: 'alertmanager',
  name,
  state: 'firing',
  labels: { host },
  key: `${name} ${host}`,
});

test('alerts of one rule become one part, in which each host stands once', () => {
  const alerts = [firing('cpu-high', 'a'), firing('mem-low', 'a'), firing('cpu-high', 'b'), firing('cpu-high', 'a')];
  expect(sortAlerts(matchAlerts(alerts, rules), () => false)).toEqual({
    kind: 'parts',
    parts: [
      { rule: rules[0], hosts: [['a'], ['b']], alerts: [alerts[0], alerts[2], alerts[3]] },
      { rule: rules[1], hosts: [['a']], alerts: [alerts[1]] },
    ],
  });
});

test('each host of a large body is written out once, not once for each other host', () => {
  let joins = 0;
  const alerts = Array.from({ length: 2000 }, (_, at) => firing('cpu-high', `host-${at}`));
  const matched = matchAlerts(alerts, rules).map(({ alert, match }) => {
    if (!match.matched) throw new Error('no rule takes it');
    const hosts = Object.assign([...match.hosts], {
      join(this: string[], separator: string) {
        joins += 1;
        return Array.prototype.join.call(this, separator);
      },
    });
    return { alert, match: { ...match, hosts } };
  });
  expect(sortAlerts(matched, () => false)).toMatchObject({ kind: 'parts', parts: [{ alerts }] });
  expect(joins).toBe(2000);
});
