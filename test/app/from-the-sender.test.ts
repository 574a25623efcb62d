import { describe, expect, it } from 'vitest';
import { JournalError } from '../../src/journal/journal.js';
import { alert, build, roomy, rule } from '../support/service.js';

const LINK = 'https://grafana.example/d/abc?viewPanel=4';

describe('alerts that the sender has left out of a body', () => {
  it('are told of in the answer and in an event', async () => {
    const { service, journal } = await build({ scenario: roomy() });
    expect(await service.handleAlerts([alert('a')], 3)).toMatchObject({ outcome: 'accepted', truncated: 3 });
    const [event] = await journal.events({ action: 'ignored' });
    expect(event).toMatchObject({ obj_name: 'test-cpu', user: 'alertmanager' });
    expect(event?.text).toMatch(/^truncated: 3 alerts were left out/);
    await service.idle();
  });

  it('are told of as well where the others come to nothing', async () => {
    const { service } = await build({ scenario: roomy() });
    const answer = await service.handleAlerts([alert('a', { state: 'resolved' })], 1);
    expect(answer).toMatchObject({ outcome: 'ignored', reason: 'resolved', truncated: 1 });
  });

  it('cost nothing where there are none', async () => {
    const { service, actions } = await build({ scenario: roomy() });
    expect(await service.handleAlerts([alert('a')], 0)).not.toHaveProperty('truncated');
    await service.idle();
    expect(await actions()).not.toContain('ignored');
  });

  it('are answered 503 where that cannot be recorded', async () => {
    const { service } = await build({
      scenario: roomy(),
      over: ({ journal }) => ({
        journal: { ...journal, commit: () => Promise.reject(new JournalError('events', new Error('disk full'))) },
      }),
    });
    expect(await service.handleAlerts([alert('a')], 1)).toMatchObject({ outcome: 'unavailable', reason: 'journal' });
  });
});

describe("the alert's link back", () => {
  it('is kept with the batch and with each event that follows from it, in text too', async () => {
    const { service, journal } = await build({ scenario: roomy() });
    await service.handleAlerts([alert('a', { link: LINK })]);
    expect(service.batch()?.links).toEqual([LINK]);
    expect(journal.openBatch()?.parts[0]?.links).toEqual([LINK]);
    await service.idle();
    const [event] = await journal.events({ action: 'migrating' });
    expect(event?.links).toEqual([LINK]);
    expect(event?.text).toMatch(/; alert: https:\/\/grafana\.example\/d\/abc\?viewPanel=4$/);
  });

  it('is kept with an event of nothing to do', async () => {
    const { service, journal } = await build({ scenario: roomy() });
    await service.handleAlerts([alert('b', { link: LINK })]);
    await service.idle();
    expect(await journal.events({ action: 'not_needed' })).toMatchObject([{ links: [LINK] }]);
  });

  it('of alerts that join a batch comes to those of the first, each place once and at most 5', async () => {
    const { service } = await build({ scenario: roomy(), rules: [rule(), rule({ name: 'other' })] });
    await service.handleAlerts([alert('a', { link: LINK })]);
    await service.handleAlerts(
      ['1', '2', '3', '4', '5', '6'].map((id) => alert('a', { name: 'other', link: `${LINK}&id=${id}` })),
    );
    await service.handleAlerts([alert('b', { link: LINK })]);
    expect(service.batch()?.links).toEqual([LINK, ...['1', '2', '3', '4'].map((id) => `${LINK}&id=${id}`)]);
    await service.idle();
  });
});
