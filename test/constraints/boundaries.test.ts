import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/balancer/index.js';
import type { Snapshot } from '../../src/fleet/fleet.js';
import { planMigrations } from '../support/plan.js';
import type { Rule, RuleFile } from '../../src/rules/rule.js';
import { requestArbitrary } from '../balancer/arbitrary.js';
import { brokenRules } from '../balancer/checker.js';
import { fleet, guest, host } from '../support/fleet.js';
import { rule } from '../support/service.js';

/** a is past 60 % by 10 points, each of g and h brings 12; b and c have room for both. */
const small = (over: Record<string, Record<string, string>> = {}): Snapshot => {
  const { hosts, guests } = fleet(
    [host('a', 70), host('b', 20), host('c', 25)],
    [guest('g', 'a', 60), guest('h', 'a', 60, { vmem_size: 16384 }), guest('x', 'b', 5), guest('y', 'c', 5)],
  );
  const tagged = <T extends { name: string }>(entry: T) => ({
    ...entry,
    ...(over[entry.name] && { tags: over[entry.name] }),
  });
  return fleet(hosts.map(tagged), guests.map(tagged));
};
const plan = (keys: Partial<RuleFile> = {}, tags?: Record<string, Record<string, string>>, sourceIds = ['id-a']) =>
  planMigrations({ snapshot: small(tags), rule: rule(keys), sourceIds });
const moves = ({ migrations }: Plan) => migrations.map((each) => `${each.guest.name} to ${each.target_host.name}`);
const reasons = ({ rejected }: Plan, of: string) =>
  rejected.filter(({ reason }) => reason === of).map(({ guest: who, host: where }) => `${who ?? '*'} ${where ?? '*'}`);

describe('boundaries', () => {
  it('without any, the cheapest guest goes to the emptiest host', () => {
    expect(moves(plan())).toEqual(['g to b']);
  });

  it('ignored guests stay, by id, name, tag, and the tag of the cloud', () => {
    expect(moves(plan({ ignore: { guests: ['g'] } }))).toEqual(['h to b']);
    expect(moves(plan({ ignore: { guests: ['id-g'] } }))).toEqual(['h to b']);
    expect(moves(plan({ ignore: { tags: ['lab'] } }, { g: { lab: '' } }))).toEqual(['h to b']);
    expect(moves(plan({ ignore: { tags: ['tier=lab'] } }, { g: { tier: 'lab' }, h: { tier: 'prod' } }))).toEqual([
      'h to b',
    ]);
    const byCloud = plan({}, { g: { automigrate: 'ignore' } });
    expect(moves(byCloud)).toEqual(['h to b']);
    expect(reasons(byCloud, 'ignored')).toEqual(['g *']);
    expect(byCloud.rejected.find(({ reason }) => reason === 'ignored')?.text).toBe(
      'guest:g: ignored for its tag automigrate=ignore',
    );
  });

  it('ignored hosts take nothing, and give nothing away', () => {
    expect(moves(plan({ ignore: { hosts: ['b'] } }))).toEqual(['g to c']);
    expect(moves(plan({}, { b: { automigrate: 'ignore' } }))).toEqual(['g to c']);
    expect(plan({ ignore: { hosts: ['a'] } })).toMatchObject({ outcome: 'find_result_fail', migrations: [] });
  });

  it('pinned guests only go where they are pinned to', () => {
    expect(moves(plan({ pinned: { g: ['c'] }, ignore: { guests: ['h'] } }))).toEqual(['g to c']);
    expect(moves(plan({ ignore: { guests: ['h'] } }, { g: { 'automigrate.pinned': 'a, c' } }))).toEqual(['g to c']);
    const home = plan({ pinned: { 'id-g': ['a'], h: ['id-a'] } });
    expect(home.outcome).toBe('find_result_fail');
    expect(home.notes).toContain('guest g is pinned to a');
  });

  it('guests that are kept together on one host stay there', () => {
    const together = plan({ keepTogether: [['g', 'h']] });
    expect(together.outcome).toBe('find_result_fail');
    expect(reasons(together, 'kept_together')).toEqual(['g *', 'h *']);
    // Its fellow is elsewhere already: nothing is separated.
    expect(moves(plan({ keepTogether: [['g', 'x']] }))).toEqual(['g to b']);
    expect(plan({ keepTogether: [{ tag: 'group' }] }, { g: { group: '1' }, h: { group: '1' } }).migrations).toEqual([]);
    expect(plan({}, { g: { 'automigrate.together': 'n' }, h: { 'automigrate.together': 'n' } }).migrations).toEqual([]);
  });

  it('guests that are kept apart never come to a host with their like', () => {
    const apart = plan({ keepApart: [['g', 'x']] });
    expect(moves(apart)).toEqual(['g to c']);
    expect(reasons(apart, 'kept_apart')).toEqual(['g b']);
    const tags = { g: { db: 'n' }, h: { db: 'm' }, x: { db: 'n' }, y: { db: 'n' } };
    expect(moves(plan({ keepApart: [{ tag: 'db' }] }, tags))).toEqual(['h to b']);
    expect(moves(plan({ keepApart: [{ tag: 'db=m' }] }, tags))).toEqual(['g to b']);
    expect(moves(plan({}, { g: { 'automigrate.apart': '1' }, x: { 'automigrate.apart': '1' } }))).toEqual(['g to c']);
  });

  it('guests of one plan that are kept apart go to different hosts', () => {
    const snapshot = fleet(
      [host('a', 80), host('b', 20), host('c', 25)],
      [guest('g', 'a', 60), guest('h', 'a', 60), guest('x', 'b', 5)],
    );
    const free = planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'] });
    expect(free.migrations).toHaveLength(2);
    const apart = planMigrations({ snapshot, rule: rule({ keepApart: [['g', 'h']] }), sourceIds: ['id-a'] });
    expect(apart.outcome).toBe('migrate');
    expect(new Set(apart.migrations.map(({ target_host }) => target_host.name))).toEqual(new Set(['b', 'c']));
  });
});

/** The boundaries written a second time, over a plan. */
function brokenBoundaries(snapshot: Snapshot, keys: Rule, migrations: Plan['migrations']): string[] {
  const before = new Map(snapshot.guests.map(({ id, host_id }) => [id, host_id]));
  const after = new Map(before);
  for (const each of migrations) after.set(each.guest.id, each.target_host.id);
  const tagged = (id: string, tag: string) => snapshot.guests.find((each) => each.id === id)?.tags?.[tag];
  const pairs = (lists: Rule['keepApart'], tag: string) => {
    const ids = [...before.keys()];
    return ids.flatMap((a) =>
      ids
        .filter((b) => {
          const listed = lists.some((list) => Array.isArray(list) && list.includes(a) && list.includes(b));
          return a < b && (listed || (tagged(a, tag) !== undefined && tagged(a, tag) === tagged(b, tag)));
        })
        .map((b) => [a, b] as const),
    );
  };
  return [
    ...pairs(keys.keepTogether, 'automigrate.together')
      .filter(([a, b]) => before.get(a) === before.get(b) && after.get(a) !== after.get(b))
      .map(([a, b]) => `${a} and ${b} are separated`),
    ...pairs(keys.keepApart, 'automigrate.apart')
      .filter(([a, b]) => before.get(a) !== before.get(b) || after.get(a) !== before.get(a))
      .filter(([a, b]) => after.get(a) === after.get(b) && before.get(a) !== before.get(b))
      .map(([a, b]) => `${a} and ${b} meet`),
    ...pairs(keys.keepApart, 'automigrate.apart')
      .filter(([a, b]) => after.get(a) === after.get(b) && after.get(a) !== before.get(a))
      .map(([a, b]) => `${a} and ${b} travel together`),
    ...migrations.flatMap(({ guest: { id, host_id }, target_host: to }) => [
      ...(keys.pinned[id] && !keys.pinned[id].includes(to.id) ? [`${id} is pinned`] : []),
      ...([id].some((each) => keys.ignore.guests.includes(each)) ? [`${id} is ignored`] : []),
      ...(tagged(id, 'automigrate') === 'ignore' ? [`${id} is ignored by its tag`] : []),
      ...([host_id, to.id].some((each) => keys.ignore.hosts.includes(each)) ? [`host of ${id} is ignored`] : []),
    ]),
  ];
}

describe('on any fleet', () => {
  const ids = (prefix: string, most: number) => fc.integer({ min: 0, max: most }).map((at) => `${prefix}${at}`);
  const guests = fc.uniqueArray(ids('g', 15), { minLength: 2, maxLength: 5 });
  const keys = fc.record({
    keepTogether: fc.array(guests, { maxLength: 1 }),
    keepApart: fc.array(guests, { maxLength: 3 }),
    pinned: fc.dictionary(ids('g', 15), fc.uniqueArray(ids('h', 7), { minLength: 1 }), { maxKeys: 3 }),
    ignore: fc.record({
      guests: fc.uniqueArray(ids('g', 15), { maxLength: 2 }),
      hosts: fc.uniqueArray(ids('h', 7), { maxLength: 1 }),
    }),
  });
  const tag = fc.option(fc.constantFrom('1', '2'), { nil: undefined, freq: 3 });
  const given = fc
    .tuple(
      requestArbitrary({ hosts: 8, guests: 16, sources: 2 }),
      keys,
      fc.array(tag, { minLength: 16, maxLength: 16 }),
    )
    .map(([request, boundaries, tags]) => {
      const snapshot = {
        ...request.snapshot,
        guests: request.snapshot.guests.map((each, at) => ({
          ...each,
          ...(tags[at] !== undefined && { tags: { 'automigrate.apart': tags[at] } }),
        })),
      };
      const whole: Rule = { ...rule(boundaries), ...request.rule };
      return { ...request, snapshot, rule: whole };
    });

  it('no plan breaks a boundary, nor any other rule', () => {
    fc.assert(
      fc.property(given, (request) => {
        const made = planMigrations(request);
        expect(brokenBoundaries(request.snapshot, request.rule, made.migrations)).toEqual([]);
        const others = brokenRules(request, made).filter((text) => !text.startsWith('find_result_fail, but'));
        expect(others).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('neither do plans for many alerting hosts, which are searched in another way', () => {
    const many = fc
      .tuple(
        requestArbitrary({ hosts: 20, guests: 60, sources: 10 }),
        keys,
        fc.array(tag, { minLength: 60, maxLength: 60 }),
      )
      .filter(([{ sourceIds }]) => sourceIds.length > 6)
      .map(([request, boundaries, tags]) => ({
        ...request,
        snapshot: {
          ...request.snapshot,
          guests: request.snapshot.guests.map((each, at) => {
            return { ...each, ...(tags[at] !== undefined && { tags: { 'automigrate.apart': tags[at] } }) };
          }),
        },
        rule: { ...rule(boundaries), ...request.rule },
      }));
    fc.assert(
      fc.property(many, (request) => {
        const made = planMigrations({ ...request, limits: { effort: 0.05 } });
        expect(brokenBoundaries(request.snapshot, request.rule, made.migrations)).toEqual([]);
        expect(brokenRules(request, made).filter((text) => !text.startsWith('find_result_fail, but'))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('the generator makes plans that the boundaries change, and plans of several moves', () => {
    const made = fc.sample(given, { numRuns: 400, seed: 7 }).map((request) => {
      const bare = { ...request, rule: { ...request.rule, ...rule(), ...pickPlan(request.rule) } };
      const free = planMigrations({
        ...bare,
        snapshot: { ...bare.snapshot, guests: bare.snapshot.guests.map(({ tags: _tags, ...each }) => each) },
      });
      const broken = brokenBoundaries(request.snapshot, request.rule, free.migrations);
      return { broken, kept: planMigrations(request).migrations.length };
    });
    expect(made.filter(({ broken }) => broken.length > 0).length).toBeGreaterThan(30);
    expect(made.filter(({ kept }) => kept > 1).length).toBeGreaterThan(10);
    const words = made.flatMap(({ broken }) => broken).join(' ');
    for (const word of ['separated', 'meet', 'travel', 'pinned', 'ignored']) expect(words).toContain(word);
  });
});

/** What the balancer itself goes by. */
function pickPlan({ name, metric, threshold, source, target }: Rule) {
  return { name, metric, threshold, source, target };
}
