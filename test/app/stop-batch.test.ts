import { describe, expect, it } from 'vitest';
import { createService } from '../../src/app/service.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { operated } from '../support/operated.js';
import { rule } from '../support/service.js';

const crowded = () =>
  scenario(
    fleet(
      [host('a', 88), host('b', 20), host('c', 20)],
      [guest('g', 'a', 60), guest('h', 'a', 60), guest('i', 'a', 60)],
    ),
  );

describe('POST /api/batch/stop', () => {
  it('begins nothing more, follows what is under way, and says which is which', async () => {
    const { post, alert, cloud, service, journal, get } = await operated({ scenario: crowded() });
    const begun = cloud.startMigration.bind(cloud);
    let answer: { body: Record<string, string[]> } | undefined;
    cloud.startMigration = async (asked) => {
      const started = await begun(asked);
      answer = await post('/api/batch/stop').expect(202);
      return started;
    };
    await alert('a').expect(202);
    await service.idle();
    expect(answer?.body).toMatchObject({ outcome: 'stopping', batch: 'batch-1', abort: false });
    expect(answer?.body.left_out).toHaveLength(2);
    expect(answer?.body.under_way).toHaveLength(1);
    expect(cloud.asked.size).toBe(1);
    const rows = await journal.events({ batch: 'batch-1' });
    expect(rows.slice(0, 2).map(({ action }) => action)).toEqual(['migrating', 'stopped']);
    // What does not begin is told at once: nobody waits for the move that is under way.
    const rest = rows.slice(2).map(({ action }) => action);
    expect(rest.toSorted()).toEqual(['limited', 'limited', 'migrate_success']);
    expect(rows[1]).toMatchObject({ user: 'alice', notes: { under_way: answer?.body.under_way } });
    for (const { notes } of rows.filter(({ action }) => action === 'limited')) {
      expect(notes).toMatchObject({ text: expect.stringMatching(/the batch was stopped by alice$/) });
    }
    expect((await get('/api/batch')).body).toEqual({ batch: null });
  });

  it('does not begin a move whose guest is being looked at before it', async () => {
    const { post, alert, cloud, service, journal } = await operated({ scenario: crowded() });
    const looked = cloud.migrationState.bind(cloud);
    cloud.migrationState = async (...asked) => {
      cloud.migrationState = looked;
      await post('/api/batch/stop').expect(202);
      return looked(...asked);
    };
    await alert('a').expect(202);
    await service.idle();
    expect(cloud.asked.size).toBe(0);
    const rows = await journal.events();
    expect(rows.map(({ action }) => action)).toEqual(['stopped', 'limited', 'limited', 'limited']);
  });

  it('drops a decision that is being made, without waiting for it', async () => {
    const { post, alert, cloud, service, journal } = await operated({ scenario: crowded() });
    cloud.inventory = (signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        void post('/api/batch/stop').expect(202).then();
      });
    await alert('a').expect(202);
    await service.idle();
    expect(cloud.asked.size).toBe(0);
    expect(await journal.events()).toMatchObject([
      { action: 'stopped', user: 'alice' },
      { action: 'ignored', notes: 'the batch was stopped by alice' },
    ]);
    expect(journal.openBatch()).toBeUndefined();
  });

  it('holds over a restart', async () => {
    const { post, alert, cloud, service, directory, clock, options } = await operated({ scenario: crowded() });
    const begun = cloud.startMigration.bind(cloud);
    cloud.startMigration = async (asked) => {
      const started = await begun(asked);
      await post('/api/batch/stop').expect(202);
      // The process ends before the move does.
      void service.stop();
      return started;
    };
    await alert('a').expect(202);
    await service.idle();
    cloud.startMigration = begun;
    const journal = await openJournal(directory, clock, { sync: false });
    expect(journal.openBatch()).toMatchObject({ stopped: { by: 'alice', abort: false } });
    const second = createService({ ...options, journal, busy: createBusy() });
    await second.recover();
    await second.idle();
    expect(cloud.asked.size).toBe(1);
    const actions = (await journal.events()).map(({ action }) => action);
    expect(actions.slice(0, 2)).toEqual(['migrating', 'stopped']);
    expect(actions.slice(2).toSorted()).toEqual(['limited', 'limited', 'migrate_success']);
    expect(journal.openBatch()).toBeUndefined();
  });

  it('with abort cancels what is under way, and says that it was seen to take', async () => {
    const { post, alert, cloud, service, journal } = await operated({ scenario: crowded() });
    const begun = cloud.startMigration.bind(cloud);
    cloud.startMigration = async (asked) => {
      const started = await begun(asked);
      await post('/api/batch/stop', { abort: true }).expect(202);
      return started;
    };
    await alert('a').expect(202);
    await service.idle();
    expect(cloud.asked.size).toBe(1);
    const rows = await journal.events();
    expect(rows.filter(({ action }) => action === 'migrate_success')).toEqual([]);
    expect(rows.find(({ action }) => action === 'migrate_fail')?.notes).toMatchObject({
      reason: expect.stringMatching(/was cancelled by alice, seen to take/),
    });
    expect(rows.filter(({ action }) => action === 'limited')).toHaveLength(2);
  });

  it('says that there is nothing to stop once it has ended', async () => {
    const { post, alert, cloud, service } = await operated({ scenario: crowded() });
    const begun = cloud.startMigration.bind(cloud);
    cloud.startMigration = async (asked) => {
      cloud.startMigration = begun;
      await post('/api/batch/stop').expect(202);
      return begun(asked);
    };
    await alert('a').expect(202);
    await service.idle();
    await post('/api/batch/stop')
      .expect(409)
      .expect(({ body }) => expect(body).toMatchObject({ outcome: 'refused', reason: 'no_batch' }));
  });

  it('ends an approval that only looks', async () => {
    const { post, alert, cloud, service } = await operated({
      scenario: crowded(),
      rules: [rule({ mode: 'recommend' })],
    });
    await alert('a').expect(202);
    await service.idle();
    const inventory = cloud.inventory.bind(cloud);
    cloud.inventory = async (signal) => {
      await post('/api/batch/stop').expect(202);
      return inventory(signal);
    };
    const { id } = (await service.operator.plans())[0]!;
    expect((await post(`/api/plans/${id}/approve`).expect(409)).body).toMatchObject({ reason: 'stopped' });
    expect(cloud.asked.size).toBe(0);
  });

  it('takes nothing but abort', async () => {
    const { post } = await operated({ scenario: crowded() });
    const { body } = await post('/api/batch/stop', { abort: 'yes' }).expect(400);
    expect(body).toMatchObject({ problems: [{ field: 'abort', message: 'expected true or false' }] });
  });
});
