import { expect, test } from 'vitest';
import { createCells } from '../../../src/fleet/clouds/openstack/cells.js';
import { createVirtualClock } from '../../support/virtual-clock.js';

test('one refusal speaks for all hosts of both cells, both ways', () => {
  const cells = createCells(createVirtualClock());
  cells.together('a1', 'a2');
  cells.together('b1', 'b2');
  cells.together('a2', 'a3');
  expect(cells.areApart('a1', 'b1')).toBe(false);
  cells.apart('a1', 'b1');
  expect(cells.areApart('a3', 'b2')).toBe(true);
  expect(cells.areApart('b2', 'a2')).toBe(true);
  expect(cells.areApart('a1', 'a3')).toBe(false);
  expect(cells.areApart('a1', 'c1')).toBe(false);
});

test('the newest word counts: a host may be given to another cell', () => {
  const cells = createCells(createVirtualClock());
  cells.apart('a', 'b');
  cells.together('a', 'b');
  expect(cells.areApart('a', 'b')).toBe(false);
  cells.apart('a', 'b');
  expect(cells.areApart('a', 'b')).toBe(true);
});

test('what was seen is forgotten after a day', () => {
  const clock = createVirtualClock();
  const cells = createCells(clock);
  cells.apart('a', 'b');
  clock.advance(86_400_001);
  expect(cells.areApart('a', 'b')).toBe(false);
});
