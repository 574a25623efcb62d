import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRules, parseRule } from '../../src/rules/load.js';
import { directory, put, ruleFile } from './files.js';

const problemsOf = (value: unknown) => {
  const parsed = parseRule(typeof value === 'string' ? value : JSON.stringify(value), 'r.json');
  return parsed.ok ? [] : parsed.problems;
};

describe('a directory of rules', () => {
  it('gives every rule with its defaults, and as it was written', async () => {
    const written = ruleFile('b', { metric: 'mem.available', threshold: '16GiB', period: '1h30m' });
    const dir = await directory({ 'b.json': written, 'a.json': ruleFile('a') });
    const { rules, files, problems } = await loadRules(dir);
    expect(problems).toEqual([]);
    expect(files).toEqual([ruleFile('a'), written]);
    expect(rules).toMatchObject([
      {
        name: 'a',
        metric: 'cpu.usage_active',
        threshold: 60,
        periodMs: 300_000,
        source: { hosts: [], guests: [] },
        target: { hosts: [] },
        match: { labels: {} },
        enabled: true,
      },
      expect.objectContaining({ name: 'b', threshold: 16 * 1024 ** 3, periodMs: 5_400_000 }),
    ]);
  });

  it('may be empty, and may hold the schema, hidden files and other files', async () => {
    const dir = await directory({ 'rule.schema.json': '{', '.a.json': '{', 'notes.txt': 'x', 'a.json.bak': '{' });
    expect(await loadRules(dir)).toEqual({ rules: [], files: [], problems: [] });
  });

  it('names what is wrong with each broken file, and still gives the others', async () => {
    const dir = await directory({
      'good.json': ruleFile('good'),
      'test-cpu.json': ruleFile('test-cpu', { threshold: 'abc' }),
    });
    await mkdir(join(dir, 'folder.json'));
    await symlink(join(dir, 'nowhere'), join(dir, 'dangling.json'));
    const { rules, problems } = await loadRules(dir);
    expect(rules.map(({ name }) => name)).toEqual(['good']);
    expect(problems.map(({ text }) => text)).toEqual([
      `${join(dir, 'dangling.json')}: does not exist`,
      `${join(dir, 'folder.json')}: is a directory; expected a file`,
      `${join(dir, 'test-cpu.json')}: threshold: expected a number above 0 and at most 100 (%), got "abc"`,
    ]);
  });

  it('is named when it does not exist or is none', async () => {
    const dir = await directory({ file: 'x' });
    const texts = async (path: string) => (await loadRules(path)).problems.map(({ text }) => text);
    expect(await texts(join(dir, 'none'))).toEqual([`${join(dir, 'none')}: the directory of rules does not exist`]);
    expect(await texts(join(dir, 'file'))).toEqual([`${join(dir, 'file')}: the directory of rules is not a directory`]);
  });

  // Nothing is unreadable for root.
  it.skipIf(process.getuid?.() === 0)('is named when it may not be read', async () => {
    const dir = await directory();
    await chmod(dir, 0);
    const { problems } = await loadRules(dir);
    expect(problems[0]?.text).toBe(`${dir}: the directory of rules may not be read (permission denied)`);
  });

  it('holds no two rules of one name, since a rule is called like its file', async () => {
    const dir = await directory({ 'a.json': ruleFile('a') });
    await put(dir, 'b.json', ruleFile('a'));
    const { problems } = await loadRules(dir);
    expect(problems.map(({ text }) => text)).toEqual([
      `${join(dir, 'b.json')}: name: expected "b", as the file is called b.json, got "a"`,
    ]);
  });
});

describe('a rule file', () => {
  it('is told where it is no JSON', () => {
    expect(problemsOf('{\n  "name": "r",\n  "metric" "x"\n}')).toEqual(['line 3, column 12: not JSON: colon expected']);
    expect(problemsOf('{"name": "r",}')).toEqual([expect.stringMatching(/^line 1, column 14: not JSON: /)]);
    expect(problemsOf('{"name": ')).toEqual([expect.stringMatching(/^line 1, column \d+: not JSON: /)]);
    expect(problemsOf('{} // done')).toEqual([expect.stringMatching(/^line 1, column 4: not JSON: /)]);
    expect(problemsOf('\n')).toEqual(['the file is empty; expected a JSON object']);
  });

  it('may begin with a byte order mark', () => {
    expect(problemsOf(`\uFEFF${JSON.stringify(ruleFile('r'))}`)).toEqual([]);
  });

  it('may not hold a key twice: JSON itself would let the last one win', () => {
    expect(problemsOf('{"name":"r","metric":"cpu.usage_active","threshold":60,\n"threshold":6}')).toEqual([
      'line 2, column 1: threshold: stands twice in one object',
    ]);
    expect(problemsOf({ ...ruleFile('r'), source: { hosts: ['a'] }, target: { hosts: ['a'] } })).toEqual([]);
  });

  it('is told every problem at once', () => {
    const value = {
      name: 'r',
      metric: 'cpu.usage_active',
      threshold: 101,
      period: 7,
      source: { host: ['a'], hosts: ['a', ' '] },
      target: [],
      match: { labels: { severity: 1 } },
      enabled: 'yes',
      extra: 1,
    };
    expect(problemsOf(value).sort()).toEqual([
      'enabled: expected true or false, got "yes"',
      'extra: unknown key; expected one of $schema, name, metric, threshold, period, source, target, match, enabled, headroom, worth, cooldown, guards, allocation, evidence, mode, relieve, keepTogether, keepApart, pinned, ignore, leastGain, windows, limits, foreignPause',
      'match.labels.severity: expected a string, got 1',
      'period: expected a duration above 0 such as "2m" or "1h30m", got 7',
      'source.host: unknown key; expected one of hosts, guests',
      'source.hosts[1]: expected an id or a name, got " "',
      'target: expected an object, got []',
      'threshold: expected a number above 0 and at most 100 (%), got 101',
    ]);
  });

  it('is told what is missing', () => {
    expect(problemsOf({ name: 'r' })).toEqual([
      'metric: is missing; expected "cpu.usage_active" or "mem.available"',
      'threshold: is missing; expected a number, or a string such as "16GiB" or "10%"',
    ]);
    expect(problemsOf([])).toEqual(['(the whole file): expected an object, got []']);
    expect(problemsOf('null')).toEqual(['(the whole file): expected an object, got null']);
  });

  it.each([
    ['cpu.usage_active', [0, -1, 100.1, '60', null, true, 'x']],
    ['mem.available', [0, -1, '0', '16XiB', '', null, []]],
  ] as const)('on %s has a threshold that can be passed', (metric, thresholds) => {
    for (const threshold of thresholds) {
      expect(problemsOf({ name: 'r', metric, threshold })).toEqual([expect.stringMatching(/^threshold: expected /)]);
    }
  });

  it.each(['0m', '5', 'm', '5 m', '-5m', ''])('has no period %j', (period) => {
    expect(problemsOf(ruleFile('r', { period }))).toEqual([expect.stringMatching(/^period: expected a duration/)]);
  });

  it.each(['../r', '.r', 'r/r', 'rule.schema', '', 'x'.repeat(101)])('is not called %j', (name) => {
    expect(problemsOf(ruleFile(name))).toEqual([expect.stringMatching(/^name: expected /)]);
  });
});
