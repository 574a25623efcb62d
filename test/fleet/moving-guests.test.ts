import { expect, it } from 'vitest';
import { movingGuests } from '../../src/fleet/moving-guests.js';
import { guest } from '../support/fleet.js';

it.each([
  ['Nova and libvirt', 'migrating', true],
  ['Proxmox VE', 'migrate', true],
  ['Cloudpods, when it begins', 'start_migrate', true],
  ['Cloudpods, while it copies', 'live_migrating', true],
  ['Cloudpods, when it has failed', 'migrate_failed', false],
  ['all, at rest', 'running', false],
  ['Nova, for something else', 'rebuilding', false],
])('knows by the word of %s, %s, whether a guest is on its way', (_cloud, status, isMoving) => {
  const guests = [guest('g', 'a', 10, { status })];
  expect(movingGuests({ guests })).toEqual(isMoving ? [{ id: 'id-g', name: 'g', hostId: 'id-a' }] : []);
});
