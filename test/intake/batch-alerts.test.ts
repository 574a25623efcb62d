import { expect, test } from 'vitest';
import { alertsOf } from '../../src/intake/batch-record.js';

test('a batch tells each host that an alert came for, and which alerts joined it', () => {
  const part = (rule: string, ...hosts: string[]) => ({
    rule,
    hosts: hosts.map((host) => [host, 'other']),
    done: false,
  });
  const opened = alertsOf([part('cpu', 'a')]);
  expect(opened).toEqual([{ rule: 'cpu', host: 'a', joined: false }]);
  const then = alertsOf([part('cpu', 'a', 'b'), part('mem', 'a')], opened);
  expect(then).toEqual([
    { rule: 'cpu', host: 'a', joined: false },
    { rule: 'cpu', host: 'b', joined: true },
    { rule: 'mem', host: 'a', joined: true },
  ]);
  expect(alertsOf([part('cpu', 'a', 'b'), part('mem', 'a')], then)).toEqual(then);
});
