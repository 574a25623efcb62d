import { describe, expect, test } from 'vitest';
import type { EventWithText, HostSummary, RuleFile } from '../../src/page/model/api.js';
import { riskOf } from '../../src/page/model/course.js';
import { MessageReader } from '../../src/page/model/follow.js';
import { bytesOf, byDistance, countBands, rate, search } from '../../src/page/model/hosts.js';
import { addressOf, placeOf, viewAt, withQuery } from '../../src/page/model/place.js';
import type { BatchStory, QuietStory } from '../../src/page/model/story.js';
import { storiesOf, usualSpeed } from '../../src/page/model/story.js';
import { languageOf, speak } from '../../src/page/text/language.js';
import { GIB, host as hostOf } from '../support/fleet.js';

const host = (name: string, cpu: number | undefined, over: Partial<HostSummary> = {}): HostSummary => ({
  ...hostOf(name, cpu),
  guest_count: 0,
  guest_vcpus: 0,
  guest_memory: 0,
  ...over,
});
const cpuRule: RuleFile = { name: 'cpu', metric: 'cpu.usage_active', threshold: 60 };
const memRule: RuleFile = { name: 'mem', metric: 'mem.available', threshold: '64GiB' };

describe('hosts', () => {
  test('stand by their distance to the nearest threshold, whichever metric it is of', () => {
    const rules = [cpuRule, memRule];
    const tight = host('tight', 10, { metrics: { 'cpu.usage_active': 10, 'mem.available': 60 * GIB } });
    const rated = [
      host('calm', 20),
      host('near', 55),
      tight,
      host('hot', 80),
      host('silent', undefined, { metrics: {} }),
    ];
    const sorted = byDistance(rated.map((each) => rate(each, rules)));
    expect(sorted.map(({ host: { name }, band }) => `${name} ${band}`)).toEqual([
      'hot over',
      'tight over',
      'silent unknown',
      'near near',
      'calm fine',
    ]);
    expect(sorted[1]).toMatchObject({ threshold: { rule: 'mem' } });
    expect(sorted[1]?.margin).toBeCloseTo((-4 / 256) * 100);
    expect(countBands(sorted)).toEqual({ over: 2, unknown: 1, near: 1, fine: 1 });
  });

  test('are held only against rules that are on and that are about them', () => {
    const rules = [
      { ...cpuRule, enabled: false },
      { ...cpuRule, source: { hosts: ['other'] } },
    ];
    expect(rate(host('a', 90), rules)).toMatchObject({ band: 'fine', thresholds: [] });
    expect(rate(host('a', 90), [{ ...cpuRule, source: { hosts: ['id-a'] } }]).band).toBe('over');
  });

  test.each([
    ['16GiB', 16 * GIB],
    ['512 MiB', GIB / 2],
    ['10%', 25.6 * GIB],
    [1024, 1024],
    ['much', NaN],
  ])('a threshold of %s is so many bytes', (threshold, bytes) => {
    expect(Math.round(bytesOf(threshold, { mem_size: 262_144 }))).toBe(Math.round(bytes));
  });

  test('are found by name, address and tag, and by zone', () => {
    const rated = [host('a1', 1, { tags: { az: 'north' }, addresses: ['10.0.0.1'] }), host('b1', 1)].map((each) =>
      rate(each, []),
    );
    const found = (text: string, zone = '') => search(rated, text, zone).map((each) => each.host.name);
    expect(found('A1')).toEqual(['a1']);
    expect(found('10.0.0')).toEqual(['a1']);
    expect(found('1')).toEqual(['a1', 'b1']);
    expect(found('1', 'north')).toEqual(['a1']);
  });
});

let ids = 0;
const event = (content: object): EventWithText =>
  ({
    id: (ids += 1),
    ops_time: new Date(Date.UTC(2026, 0, 1, 3, ids)).toISOString(),
    obj_name: 'cpu',
    user: 'u',
    text: 't',
    ...content,
  }) as EventWithText;
const move = (name: string, from = 'a', to = 'b', vmem_size = 6000) => ({
  guest: { id: `id-${name}`, name, host: from, host_id: `id-${from}`, score: 5, vcpu_count: 4, vmem_size },
  target_host: { id: `id-${to}`, name: to, score: 10 },
});
const explanation = (cleared: boolean) => ({
  sources: [{ id: 'id-a', name: 'a', current: 70, excess: 10, removed: 4, cleared, text: '' }],
  loads: [{ full: 100 }],
});

describe('the story', () => {
  test('is told by batch: moves with their ends, hosts, and what is still over', () => {
    const [batch] = storiesOf([
      event({ action: 'migrating', batch: 'b1', notes: move('x'), explanation: explanation(false) }),
      event({ action: 'migrating', batch: 'b1', notes: move('y') }),
      event({ action: 'migrate_success', batch: 'b1', notes: move('x') }),
      event({ action: 'migrate_fail', batch: 'b1', notes: { ...move('y'), reason: 'no' } }),
      event({ action: 'migrating', batch: 'b1', notes: move('y', 'a', 'c') }),
    ]) as [BatchStory];
    expect(batch.moves.map(({ notes, state }) => `${notes.guest.name} ${notes.target_host.name} ${state}`)).toEqual([
      'x b moved',
      'y b failed',
      'y c moving',
    ]);
    expect(batch.hosts).toEqual(['a']);
    expect(batch.stillOver).toEqual([{ name: 'a', value: 66, metric: 'cpu.usage_active' }]);
  });

  test('what was read afterwards outweighs what was foreseen', () => {
    const [batch] = storiesOf([
      event({ action: 'partial', batch: 'b2', notes: 'n', explanation: explanation(false) }),
      event({
        action: 'verified',
        batch: 'b2',
        notes: { metric: 'cpu.usage_active', hosts: [{ name: 'a', actual: 63.2 }] },
      }),
    ]) as [BatchStory];
    expect(batch.stillOver[0]?.value).toBe(63.2);
  });

  test('alerts that led to nothing are one counted line until something happens, and rows of a storm count for many', () => {
    const stories = storiesOf([
      event({ action: 'ignored', notes: 'n' }),
      event({ action: 'dropped', notes: { text: 't', count: 120 }, batch: 'b3' }),
      event({ action: 'paused', notes: 'n' }),
      event({ action: 'ignored', notes: 'n' }),
    ]);
    expect(stories.map(({ kind }) => kind)).toEqual(['quiet', 'single', 'quiet']);
    expect((stories[2] as QuietStory).counts).toEqual({ ignored: 1, dropped: 120, flapping: 0 });
  });

  test('how long a move takes is told by those before it', () => {
    expect(usualSpeed([])).toBeUndefined();
    const done = ['p', 'q'].flatMap((name) => [
      event({ action: 'migrating', batch: 'b4', notes: move(name) }),
      event({ action: 'migrate_success', batch: 'b4', notes: move(name) }),
    ]);
    // One minute for each: an event a minute.
    expect(usualSpeed(done)).toBe(100);
  });
});

describe('a course against a threshold', () => {
  const minute = 60_000;
  const rising = Array.from({ length: 60 }, (_, at) => [at * minute, 40 + at / 6] as const);
  test('tells how long it was past, its worst, and when it meets it', () => {
    expect(riskOf(rising, 60, true)).toMatchObject({ past: 0, worst: { at: 59 * minute } });
    expect(riskOf(rising, 60, true)?.trend).toBeCloseTo(10);
    expect(riskOf(rising, 60, true)?.meetsInMin).toBeCloseTo(61, 0);
    expect(riskOf(rising, 45, true)).toMatchObject({ past: 29 / 60 });
    expect(riskOf(rising, 45, true)).not.toHaveProperty('meetsInMin');
  });
  test('memory is past it below', () => {
    expect(riskOf(rising, 45, false)).toMatchObject({ worst: { at: 0, value: 40 } });
    expect(riskOf(rising, 30, false)).not.toHaveProperty('meetsInMin');
    expect(riskOf([], 30, false)).toBeUndefined();
  });
});

describe('an address', () => {
  test.each([
    '/',
    '/?view=hosts&q=a%26b&host=x',
    '/?batch=b1',
    '/?plan=p&lang=zh',
    '/manual/design?q=steer',
    '/openapi',
    '/manual',
  ])('%s says where one is, and is what that place is called', (address) => {
    expect(addressOf(placeOf(new URL(address, 'http://h')))).toBe(address);
  });
  test('keeps its language in another view, and lets go of what was open', () => {
    const place = placeOf(new URL('/?view=hosts&q=a&host=x&lang=zh', 'http://h'));
    expect(addressOf(viewAt(place, 'rules'))).toBe('/?view=rules&lang=zh');
    expect(addressOf(withQuery(place, { host: undefined }))).toBe('/?view=hosts&q=a&lang=zh');
  });
});

test('server-sent events are read however the parts fall', () => {
  const text = ': alive\n\nid: 7\nevent: journal\ndata: {"a":1}\n\nevent: status\ndata: {}\n\n';
  for (let at = 0; at < text.length; at += 1) {
    const reader = new MessageReader();
    expect([...reader.read(text.slice(0, at)), ...reader.read(text.slice(at))]).toEqual([
      { event: 'journal', data: '{"a":1}', id: '7' },
      { event: 'status', data: '{}', id: undefined },
    ]);
  }
});

test('the language is the one asked for, else one of the browser, else English', () => {
  expect(languageOf('zh', ['en'])).toBe('zh');
  expect(languageOf('fr', ['fr-FR', 'zh-TW', 'en'])).toBe('zh');
  expect(languageOf(undefined, ['fr'])).toBe('en');
  expect(speak('en').duration(3725)).toBe('1 h 2 min');
  expect(speak('zh').duration(65)).toBe('1 分 5 秒');
  expect(speak('en').reading('mem.available', 4.3 * GIB)).toBe('4.3 GiB');
});
