import { describe, expect, it } from 'vitest';
import { createDecisions } from '../../src/decide/decisions.js';
import { planByRule } from '../../src/decide/plan-moves.js';
import { createSightings } from '../../src/decide/sightings.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { fleet, host, scenario } from '../support/fleet.js';
import { createVirtualClock } from '../support/virtual-clock.js';

/** Decisions over a cloud whose inventory takes so long, ms, and how often it was asked. */
function over(tookMs: number, fail: () => boolean = () => false) {
  const clock = createVirtualClock();
  const cloud = createSimulatedCloud(scenario(fleet([host('a', 50)], [])), clock);
  const asked = { times: 0 };
  const decisions = createDecisions({
    cloud: {
      ...cloud,
      inventory: async (signal) => {
        asked.times += 1;
        await clock.sleep(tookMs);
        if (fail()) throw new Error('out of reach');
        return cloud.inventory(signal);
      },
    },
    metrics: cloud,
    clock,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    sightings: createSightings(undefined),
    snapshots: undefined,
    planner: planByRule,
    timeoutMs: 30_000,
  });
  return { clock, decisions, asked };
}

describe('the fleet for all who look', () => {
  it('is asked for once for those who ask at once, and while it takes long for some seconds after', async () => {
    const { clock, decisions, asked } = over(1000);
    await Promise.all([decisions.fleet('guests'), decisions.fleet('guests')]);
    clock.advance(4900);
    await decisions.fleet('guests');
    expect(asked.times).toBe(1);
    clock.advance(200);
    await decisions.fleet('guests');
    expect(asked.times).toBe(2);
  });

  it('is told as it is where that takes no time', async () => {
    const { clock, decisions, asked } = over(1);
    await decisions.fleet('guests');
    clock.advance(20);
    await decisions.fleet('guests');
    expect(asked.times).toBe(2);
  });

  it('is asked for again after a failure', async () => {
    let broken = true;
    const { decisions } = over(1000, () => broken);
    await expect(decisions.fleet('summary')).rejects.toThrow('out of reach');
    broken = false;
    await expect(decisions.fleet('summary')).resolves.toMatchObject({ takenAt: expect.any(String) });
  });
});
