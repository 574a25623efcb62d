import { describe, expect, it, onTestFinished } from 'vitest';
import { createService } from '../../src/app/service.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { operated, surface } from '../support/operated.js';
import { alert, roomy, rule } from '../support/service.js';
import { holdLongSleeps } from '../support/virtual-clock.js';

/** A host with three guests that must all go, one after the other. */
const crowded = () =>
  scenario(
    fleet(
      [host('a', 88), host('b', 20), host('c', 20)],
      [guest('g', 'a', 60), guest('h', 'a', 60), guest('i', 'a', 60)],
    ),
  );

describe('POST /api/pause', () => {
  it('is told everywhere: by whom, why and since when', async () => {
    const { post, get, http, clock } = await operated({ scenario: roomy() });
    const since = new Date(clock.now()).toISOString();
    const paused = { by: 'alice', reason: 'network works', since };
    expect((await post('/api/pause', { reason: ' network works ' }).expect(200)).body).toEqual({
      outcome: 'paused',
      paused,
    });
    expect((await get('/api/status').expect(200)).body).toMatchObject({ paused, batch: null });
    expect((await http.get('/readyz').expect(200)).body).toEqual({ status: 'paused' });
    expect((await get('/api/events').expect(200)).body).toMatchObject({
      events: [{ action: 'paused', user: 'alice', notes: { reason: 'network works' } }],
    });
  });

  it('lets no alert in, and in a storm counts them', async () => {
    const { post, alert: send, cloud, journal, service } = await operated({ scenario: roomy() });
    await post('/api/pause', { reason: 'r' }).expect(200);
    expect((await send('a').expect(200)).body).toEqual({
      outcome: 'ignored',
      reason: 'paused',
      text: 'automigrate is paused by alice: r',
    });
    for (let count = 0; count < 120; count += 1) await service.handleAlerts([alert('a')]);
    await service.stop();
    expect(cloud.asked.size).toBe(0);
    const rows = await journal.events({ action: 'ignored' });
    expect(rows).toHaveLength(101);
    expect(rows.at(-1)).toMatchObject({ notes: { count: 21 } });
  });

  it('ends when somebody resumes, and says who', async () => {
    const { post, get, alert: send, actions, journal, service } = await operated({ scenario: roomy() });
    await post('/api/pause', { reason: 'r' }).expect(200);
    const bob = 'bob-secret-01234567';
    expect((await post('/api/resume', {}, bob).expect(200)).body).toEqual({ outcome: 'resumed', was_paused: true });
    expect((await post('/api/resume', {}, bob).expect(200)).body).toEqual({ outcome: 'resumed', was_paused: false });
    expect((await get('/api/status')).body).toMatchObject({ paused: null });
    await send('a').expect(202);
    await service.idle();
    expect(await actions()).toEqual(['paused', 'resumed', 'migrating', 'migrate_success']);
    expect(await journal.events({ action: 'resumed' })).toMatchObject([{ user: 'bob' }]);
  });

  it('holds over a restart', async () => {
    const first = await operated({ scenario: roomy() });
    await first.post('/api/pause', { reason: 'r' }).expect(200);
    await first.service.stop();
    const journal = await openJournal(first.directory, first.clock, { sync: false });
    const service = createService({ ...first.options, journal, busy: createBusy() });
    await service.recover();
    const second = surface(service, { journal, clock: first.clock });
    expect((await second.get('/api/status')).body).toMatchObject({ paused: { by: 'alice', reason: 'r' } });
    expect((await second.alert('a').expect(200)).body).toMatchObject({ reason: 'paused' });
    expect(first.cloud.asked.size).toBe(0);
  });

  it('ends by itself when its time is over, after a restart too', async () => {
    const first = await operated({
      scenario: roomy(),
      over: ({ clock }) => ({ clock: holdLongSleeps(clock as never, 3_600_000) }),
    });
    expect((await first.post('/api/pause', { reason: 'r', for: '2h' }).expect(200)).body).toMatchObject({
      paused: { until: new Date(first.clock.now() + 7_200_000).toISOString() },
    });
    expect((await first.alert('a')).body).toMatchObject({ reason: 'paused' });
    await first.service.stop();
    const journal = await openJournal(first.directory, first.clock, { sync: false });
    const service = createService({ ...first.options, clock: first.clock, journal, busy: createBusy() });
    onTestFinished(() => service.stop());
    await service.recover();
    await expect.poll(() => service.operator.status().paused).toBeNull();
    await expect.poll(() => journal.memory().paused).toBeUndefined();
    expect((await journal.events()).at(-1)).toMatchObject({ action: 'resumed', user: 'system' });
    expect((await surface(service, { journal, clock: first.clock }).alert('a')).status).toBe(202);
    await service.idle();
  });

  it('begins nothing more of a running batch, and follows what is under way', async () => {
    const { post, alert: send, cloud, service, journal } = await operated({ scenario: crowded() });
    const begun = cloud.startMigration.bind(cloud);
    cloud.startMigration = async (asked) => {
      const answer = await begun(asked);
      await post('/api/pause', { reason: 'r' }).expect(200);
      return answer;
    };
    await send('a').expect(202);
    await service.idle();
    expect(cloud.asked.size).toBe(1);
    const rows = await journal.events();
    expect(rows.slice(0, 2).map(({ action }) => action)).toEqual(['migrating', 'paused']);
    // What does not begin is told at once: nobody waits for the move that is under way.
    const rest = rows.slice(2).map(({ action }) => action);
    expect(rest.toSorted()).toEqual(['limited', 'limited', 'migrate_success']);
    const limited = rows.filter(({ action }) => action === 'limited');
    for (const { notes } of limited) expect(notes).toMatchObject({ text: expect.stringMatching(/paused by alice: r/) });
  });

  it('drops a decision that is being made', async () => {
    const { post, alert: send, cloud, service, journal } = await operated({ scenario: crowded() });
    const inventory = cloud.inventory.bind(cloud);
    cloud.inventory = async (signal) => {
      await post('/api/pause', { reason: 'r' }).expect(200);
      return inventory(signal);
    };
    await send('a').expect(202);
    await service.idle();
    expect(cloud.asked.size).toBe(0);
    expect((await journal.events()).at(-1)).toMatchObject({
      action: 'ignored',
      notes: 'automigrate is paused by alice: r',
    });
    expect(journal.openBatch()).toBeUndefined();
  });

  it('refuses approvals', async () => {
    const {
      post,
      alert: send,
      service,
      cloud,
    } = await operated({
      scenario: roomy(),
      rules: [rule({ mode: 'recommend' })],
    });
    await send('a').expect(202);
    await service.idle();
    await post('/api/pause', { reason: 'r' }).expect(200);
    const { id } = (await service.operator.plans())[0]!;
    expect((await post(`/api/plans/${id}/approve`).expect(409)).body).toMatchObject({
      outcome: 'refused',
      reason: 'paused',
    });
    expect(cloud.asked.size).toBe(0);
    await post('/api/resume').expect(200);
    expect((await post(`/api/plans/${id}/approve`).expect(202)).body).toMatchObject({ plan: id });
    await service.idle();
    expect(cloud.asked.size).toBe(1);
  });

  it.each([
    [{}, 'reason', 'expected a text of 1 to 500 characters'],
    [{ reason: ' ' }, 'reason', 'expected a text of 1 to 500 characters'],
    [{ reason: 'r', for: '2 hours' }, 'for', 'expected a duration from "1s" to "24d"'],
    [{ reason: 'r', until: '2h' }, 'until', 'unknown field'],
  ])('names what is wrong: %j', async (body, field, message) => {
    const { post, service } = await operated({ scenario: roomy() });
    const { body: said } = await post('/api/pause', body).expect(400);
    expect(said).toEqual({ error: 'invalid_body', problems: [{ field, message }] });
    expect(service.operator.status().paused).toBeNull();
  });

  it('takes JSON alone, and nobody without a token', async () => {
    const { http, post } = await operated({ scenario: roomy() });
    await http.post('/api/pause').send({ reason: 'r' }).expect(401);
    await http.post('/api/pause').set('Authorization', 'Bearer alice').send({ reason: 'r' }).expect(401);
    await post('/api/pause').type('form').send('reason=r').expect(415);
    await http.get('/api/pause').set('Authorization', 'Bearer alice-secret-0123').expect(405).expect('Allow', 'POST');
  });
});
