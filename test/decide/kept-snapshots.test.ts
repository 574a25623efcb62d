import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSnapshots } from '../../src/decide/kept-snapshots.js';
import { temporaryJournal } from '../support/journal.js';
import { alert, build, roomy } from '../support/service.js';
import { createVirtualClock } from '../support/virtual-clock.js';

async function withSnapshots() {
  const world = await build({
    scenario: roomy(),
    over: ({ clock }, directory) => ({ snapshots: openSnapshots(directory, clock) }),
  });
  await world.service.handleAlerts([alert('a')]);
  await world.service.idle();
  const store = openSnapshots(world.directory, world.clock);
  const [part] = (await store.read('batch-1'))!.parts;
  return { ...world, store, part: part! };
}

describe('what a batch was planned on', () => {
  it('is kept: the words of the alert, the rule, the fleet and the plan', async () => {
    const { part, directory } = await withSnapshots();
    expect(part).toMatchObject({
      rule: { name: 'test-cpu', threshold: 60 },
      hosts: [['a']],
      source_ids: ['id-a'],
      refusals: [],
      plan: { outcome: 'migrate', cost: 9216, migrations: [{ guest: { name: 'g' }, target_host: { name: 'b' } }] },
    });
    // As it was before the move.
    expect(part.snapshot.guests.find(({ name }) => name === 'g')).toMatchObject({ host_id: 'id-a' });
    expect(await readdir(join(directory, 'snapshots'))).toEqual(['batch-1.json.gz']);
  });

  it('is kept of no more batches, and for no longer, than is set', async () => {
    const { part, directory, clock } = await withSnapshots();
    const store = openSnapshots(directory, clock, { count: 3, ageMs: 3_600_000 });
    const names = async () => (await readdir(join(directory, 'snapshots'))).map((name) => name.split('.')[0]).sort();
    for (const batch of ['b2', 'b3', 'b4']) {
      clock.advance(60_000);
      await store.add(batch, 'monitor', part);
    }
    expect(await names()).toEqual(['b2', 'b3', 'b4']);
    clock.advance(3_550_000);
    await store.add('b5', 'monitor', part);
    expect(await names()).toEqual(['b4', 'b5']);
    expect((await store.latest())?.batch).toBe('b5');
  });

  it('takes a second part of a batch into the same file', async () => {
    const { store, part } = await withSnapshots();
    await store.add('batch-1', 'monitor', { ...part, hosts: [['other']] });
    expect((await store.read('batch-1'))?.parts.map(({ hosts }) => hosts)).toEqual([[['a']], [['other']]]);
  });

  it('keeps of a part that further alerts joined only what was planned for all of them', async () => {
    const { store, part } = await withSnapshots();
    await store.add('batch-1', 'monitor', { ...part, hosts: [['a'], ['other']] });
    expect((await store.read('batch-1'))?.parts.map(({ hosts }) => hosts)).toEqual([[['a'], ['other']]]);
  });

  it('names a file that cannot be understood, and passes over it in search of the last', async () => {
    const { store, directory } = await withSnapshots();
    await writeFile(join(directory, 'snapshots', 'broken.json.gz'), 'no gzip');
    await expect(store.read('broken')).rejects.toThrow(/broken\.json\.gz: /);
    expect((await store.latest())?.batch).toBe('batch-1');
    await expect(store.read('../journal')).rejects.toThrow(RangeError);
    expect(await store.read('never')).toBeUndefined();
  });

  it('keeps nothing from being relieved where it cannot be kept', async () => {
    const { directory } = await temporaryJournal(createVirtualClock());
    const { service, actions, log } = await build({
      scenario: roomy(),
      over: ({ clock }) => ({ snapshots: openSnapshots(join(directory, 'journal.json', 'no-directory'), clock) }),
    });
    await writeFile(join(directory, 'journal.json'), '{}');
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).toEqual(['migrating', 'migrate_success']);
    expect(log.map(({ message }) => message)).toContain('what was planned on could not be kept for a replay');
  });
});
