import { describe, expect, it } from 'vitest';
import type { Forecast, MigrationRequest } from '../../src/fleet/fleet.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build } from '../support/service.js';

const targets = (count: number) => Array.from({ length: count }, (_, at) => `t${at + 1}`);
const refused = (reason: string, more: object = {}): Forecast => ({ allowed: false, reason, ...more });

/** a is past 60 % by ten points and has guests of 12; the targets are the busier the later they come. */
async function asking(
  count: number,
  guests: string[],
  answer: (request: MigrationRequest) => Forecast,
  load = (at: number) => 10 + at,
) {
  const asked: string[] = [];
  let underWay = 0;
  let most = 0;
  let rounds = 0;
  const world = await build({
    scenario: scenario(
      fleet(
        [host('a', 70), ...targets(count).map((name, at) => host(name, load(at)))],
        guests.map((name, at) => guest(name, 'a', 60, { vmem_size: 1024 * (at + 1) })),
      ),
    ),
    over: ({ cloud }) => ({
      cloud: {
        ...cloud,
        forecast: async (request) => {
          asked.push(`${request.guest.name} to ${request.target.name}`);
          // Where nobody else is asked, a new round begins.
          if (underWay === 0) rounds += 1;
          most = Math.max(most, (underWay += 1));
          await new Promise((resolve) => setImmediate(resolve));
          underWay -= 1;
          return answer(request);
        },
      },
    }),
  });
  await world.service.handleAlerts([alert('a')]);
  await world.service.idle();
  const events = await world.journal.events();
  return { asked, most, rounds, events };
}

describe('what the cloud refuses', () => {
  it('is planned around to the very last target: eleven refuse, the twelfth takes', async () => {
    const { events } = await asking(12, ['g'], ({ target }) =>
      target.name === 't12' ? { allowed: true } : refused('no'),
    );
    expect(events.map(({ action }) => action)).toEqual(['migrating', 'migrate_success']);
    expect(events[0]?.notes).toMatchObject({ guest: { name: 'g' }, target_host: { name: 't12' } });
  });

  it('for the host whoever comes, rules the host out at once: nobody is asked for it again', async () => {
    const { asked, events } = await asking(3, ['g', 'h', 'i'], ({ target }) =>
      target.name === 't3' ? { allowed: true } : refused('host is full', { holdsFor: 'host' }),
    );
    expect(asked.filter((each) => each.endsWith('t1'))).toHaveLength(1);
    expect(asked.filter((each) => each.endsWith('t2'))).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ action: 'migrate_success', notes: { target_host: { name: 't3' } } });
  });

  it('for the guest wherever it goes, leaves the guest: another goes', async () => {
    const { asked, events } = await asking(3, ['g', 'h'], ({ guest: { name } }) =>
      name === 'g' ? refused('passed-through device', { holdsFor: 'guest' }) : { allowed: true },
    );
    expect(asked.filter((each) => each.startsWith('g'))).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ action: 'migrate_success', notes: { guest: { name: 'h' } } });
  });

  it('names further targets with it: they are not asked about', async () => {
    const { asked } = await asking(12, ['g'], ({ target }) =>
      target.name === 't12' ? { allowed: true } : refused('no', { hosts: targets(11).map((name) => `id-${name}`) }),
    );
    expect(asked).toEqual(['g to t1', 'g to t12']);
  });

  it('everywhere, is told as it is: nothing to move, and why', async () => {
    const { events } = await asking(3, ['g'], () => refused('no shared network'));
    expect(events).toMatchObject([{ action: 'find_result_fail' }]);
    const notes = JSON.stringify(events[0]?.notes);
    expect(notes).toContain('no shared network');
    expect(notes).not.toContain('to move');
    expect(notes).not.toContain('not asked yet');
  });

  it('is asked for about alternatives at once, never twice, in few rounds', async () => {
    const { asked, most, rounds, events } = await asking(
      300,
      ['g'],
      ({ target }) => (target.name === 't300' ? { allowed: true } : refused('no')),
      (at) => 1 + at / 10,
    );
    expect(events.at(-1)).toMatchObject({ action: 'migrate_success', notes: { target_host: { name: 't300' } } });
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked).toHaveLength(300);
    expect(most).toBe(8);
    expect(rounds).toBeLessThan(30);
  });
});
