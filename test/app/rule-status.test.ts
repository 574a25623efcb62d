import { describe, expect, it } from 'vitest';
import type { RuleStatus } from '../../src/intake/views.js';
import { operated } from '../support/operated.js';
import { alert, roomy, rule } from '../support/service.js';

describe('MODE=recommend', () => {
  const setup = { scenario: roomy(), over: () => ({ mode: 'recommend' as const }) };

  it('moves nothing without an approval, whatever the rule says', async () => {
    const {
      alert: send,
      service,
      cloud,
      get,
      post,
      journal,
    } = await operated({
      ...setup,
      rules: [rule({ mode: 'auto' })],
    });
    await send('a').expect(202);
    await service.idle();
    expect(cloud.asked.size).toBe(0);
    expect(await journal.events()).toMatchObject([
      {
        action: 'recommended',
        notes: { why: expect.stringMatching(/^MODE=recommend: nothing moves without/) as string },
      },
    ]);
    const [plan] = await service.operator.plans();
    expect(plan).toMatchObject({
      state: 'open',
      recommended_because: expect.stringMatching(/^MODE=recommend/) as string,
    });
    expect((await get('/api/status')).body).toMatchObject({ mode: 'recommend', plans_waiting: 1 });
    await post(`/api/plans/${plan!.id}/approve`).expect(202);
    await service.idle();
    expect(cloud.asked.size).toBe(1);
  });
});

describe('GET /api/status', () => {
  it('tells whether it can work, how far it may go, and what of the budgets is used', async () => {
    const {
      alert: send,
      service,
      get,
    } = await operated({
      scenario: roomy(),
      over: () => ({ budget: { migrations: 100, migrationsPerDay: 500, guestsPerDay: 10 } }),
    });
    const { body } = await get('/api/status').expect(200);
    expect(body).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string,
      mode: 'auto',
      ready: true,
      problems: [],
      budget: { hour: { used: 0, limit: 100 }, day: { used: 0, limit: 500 } },
    });
    await send('a').expect(202);
    await service.idle();
    expect((await get('/api/status')).body).toMatchObject({
      // Three guests: a tenth of them would be none that helps.
      budget: { hour: { used: 1, limit: 100 }, day: { used: 1, limit: 20 } },
    });
  });
});

describe('GET /api/status of rules that cannot do anything', () => {
  it.each([
    ['no rule', [], 'there is no rule: no alert leads to anything'],
    ['no rule that is enabled', [rule({ enabled: false })], 'every rule is disabled: no alert leads to anything'],
  ])('says so of %s, and is ready all the same', async (_what, rules, problem) => {
    const { get } = await operated({ scenario: roomy(), rules });
    expect((await get('/api/status')).body).toMatchObject({ ready: true, problems: [problem] });
    expect((await get('/readyz')).status).toBe(200);
  });
});

describe('GET /api/rules', () => {
  it('tells how each rule stands', async () => {
    const rules = [
      rule({ limits: { migrationsPerHour: 5 } }),
      rule({ name: 'careful', mode: 'recommend' }),
      rule({ name: 'off', enabled: false }),
      // The clock of the tests begins at 05:00 UTC.
      rule({ name: 'at-night', windows: { allow: ['* 0-3 * * *'] } }),
      rule({ name: 'pausing' }),
    ];
    const { alert: send, service, get, journal, clock } = await operated({ scenario: roomy(), rules });
    await send('a').expect(202);
    await service.idle();
    const until = clock.now() + 60_000;
    await journal.commit({
      memory: (memory) => ({ ...memory, standings: { pausing: { misses: 0, paused_until: until } } }),
    });
    const { standings } = (await get('/api/rules').expect(200)).body as { standings: RuleStatus[] };
    const open = { open: true };
    const unused = { hour: { used: 0, limit: null } };
    expect(standings).toEqual([
      {
        name: 'test-cpu',
        enabled: true,
        mode: 'auto',
        window: open,
        budget: { hour: { used: 1, limit: 5 } },
        last: {
          at: expect.any(String) as string,
          action: 'migrate_success',
          text: expect.stringMatching(/^guest g .* has moved from a to b$/) as string,
          batch: 'batch-1',
        },
      },
      { name: 'careful', enabled: true, mode: 'recommend', window: open, budget: unused },
      { name: 'off', enabled: false, mode: 'auto', window: open, budget: unused },
      {
        name: 'at-night',
        enabled: true,
        mode: 'auto',
        window: { open: false, why: expect.stringMatching(/05:\d\d UTC/) as string },
        budget: unused,
      },
      {
        name: 'pausing',
        enabled: true,
        mode: 'auto',
        paused: {
          until: new Date(until).toISOString(),
          why: expect.stringMatching(/^rule pausing pauses until/) as string,
        },
        window: open,
        budget: unused,
      },
    ]);
  });

  it('says why a rule only recommends', async () => {
    const { service, get, journal } = await operated({ scenario: roomy(), over: () => ({ mode: 'recommend' }) });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    const { standings } = (await get('/api/rules')).body as { standings: RuleStatus[] };
    expect(standings).toMatchObject([
      { mode: 'recommend', why: expect.stringMatching(/^MODE=recommend/) as string, last: { action: 'recommended' } },
    ]);
    expect(journal.memory().guests).toBe(3);
  });
});
