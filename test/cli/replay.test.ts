import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replayCommand } from '../../src/cli/replay.js';
import { readJournalEvents } from '../../src/journal/lowdb/open-journal.js';
import { openSnapshots } from '../../src/decide/kept-snapshots.js';
import type { RuleFile } from '../../src/rules/rule.js';
import { alert, build, openRule, roomy } from '../support/service.js';
import { run } from './run.js';

const bare = { name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, worth: 0 } as const;

/** A data directory in which one batch has moved g to b. */
async function recorded(ruleFile: Partial<RuleFile> = bare) {
  const world = await build({
    scenario: roomy(),
    rules: [openRule({ ...ruleFile, period: '5m' })],
    over: ({ clock }, directory) => ({ snapshots: openSnapshots(directory, clock) }),
  });
  await world.service.handleAlerts([alert('nowhere', { name: 'other' })]);
  await world.service.handleAlerts([alert('a')]);
  await world.service.idle();
  const rulesDir = join(world.directory, 'rules');
  await mkdir(rulesDir);
  const write = async (rule: object, name = 'test-cpu.json') => {
    await writeFile(join(rulesDir, name), JSON.stringify(rule));
    return join(rulesDir, name);
  };
  await write(ruleFile);
  const replay = (args: string) =>
    run(`replay --data-dir ${world.directory} --rules-dir ${rulesDir} ${args}`, {
      handlers: {
        commands: [
          (context) =>
            replayCommand(context, {
              readEvents: (filter, dataDir) => readJournalEvents(dataDir, filter),
              snapshots: (dataDir) => openSnapshots(dataDir, world.clock),
            }),
        ],
      },
    });
  const [migrating] = await world.journal.events({ action: 'migrating' });
  return { ...world, replay, write, rulesDir, event: migrating!.id };
}

describe('automigrate replay', () => {
  it('plans the alert of an event again, and says that nothing has changed', async () => {
    const { replay, event } = await recorded();
    const { out, status } = await replay(String(event));
    expect(status).toBe(0);
    expect(out).toContain('batch batch-1: alertmanager, rule test-cpu, a, 2026-11-21T05:00:00.000Z');
    expect(out).toContain('g: a -> b');
    expect(out).toContain('the same as it was planned then');
  });

  it('plans by the defaults of the service where the rule leaves keys out, and says by which rule', async () => {
    const { replay, event, rulesDir, write } = await recorded({
      name: 'test-cpu',
      metric: 'cpu.usage_active',
      threshold: 60,
    });
    const { out } = await replay(String(event));
    expect(out).toContain(
      `by rule test-cpu of ${join(rulesDir, 'test-cpu.json')}, the same as then: worth 130 GiB, relieve covered, headroom 0, cooldown 1h, evidence mean\n`,
    );
    expect(out).toContain('the same as it was planned then');
    await write({ name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, headroom: 9 });
    expect((await replay(String(event))).out).toContain('headroom 9, cooldown');
  });

  it('takes the id of a batch, and prints the plan as JSON with what was different', async () => {
    const { replay, write } = await recorded();
    await write({ ...bare, ignore: { guests: ['g'] } });
    const { out, status } = await replay('batch-1 --json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      outcome: 'migrate',
      migrations: [{ guest: { name: 'h' } }],
      replay: {
        batch: 'batch-1',
        hosts: [['a']],
        difference: {
          same: false,
          outcome: { then: 'migrate', now: 'migrate' },
          cost: { then: 9216, now: 17_408 },
          only_then: ['g: a -> b'],
          only_now: ['h: a -> b'],
        },
      },
    });
  });

  it('plans by another rule, and ends as plan does', async () => {
    const { replay, write, event } = await recorded();
    const file = await write({ ...bare, name: 'higher', threshold: 75 }, 'higher.json');
    const { out, status } = await replay(`${event} --rule ${file}`);
    expect(status).toBe(3);
    expect(out).toContain('not_needed');
    expect(out).toContain('outcome: migrate then, not_needed now');
    expect(out).toContain('only then: g: a -> b');
  });

  it('changes nothing', async () => {
    const { replay, event, journal, cloud } = await recorded();
    const before = [await journal.events(), [...cloud.asked]];
    await replay(String(event));
    expect([await journal.events(), [...cloud.asked]]).toEqual(before);
  });

  it('refuses what it knows nothing of', async () => {
    const { replay, journal, rulesDir, event } = await recorded();
    const [ignored] = await journal.events({ action: 'ignored' });
    const refusals: [string, RegExp][] = [
      ['4711', /there is no event 4711 in /],
      ['nothing', /nothing is recorded in .* of a batch "nothing"/],
      ['../journal', /"\.\.\/journal" cannot be the id of a batch/],
      [String(ignored!.id), /belongs to no batch: nothing was planned/],
      [`${event} --rule ${rulesDir}/none.json`, /none\.json: no such file/],
      [`${event} --rules-dir ${rulesDir}/none`, /there is no rule test-cpu in .*none today; --rule names a file/],
    ];
    for (const [args, words] of refusals) {
      const { err, status } = await replay(args);
      expect(err).toMatch(words);
      expect(status).toBe(2);
    }
  });
});
