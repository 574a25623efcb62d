import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRules } from '../../src/rules/load.js';
import { ruleSchemaText } from '../../src/rules/schema.js';
import { directory, ruleFile } from '../rules/files.js';
import { run } from './run.js';

const read = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, 'utf8'));

describe('rules create', () => {
  it('writes the rule of the original words', async () => {
    const dir = await directory();
    const line = 'rules create --period 2m --source-host test-66-onecloud02 test-cpu cpu.usage_active.gt 60';
    const file = join(dir, 'test-cpu.json');
    expect(await run(line, { env: { RULES_DIR: dir } })).toEqual({
      status: 0,
      out: `wrote ${file}: cpu.usage_active > 60 %\n`,
      err: '',
    });
    expect(await read(file)).toEqual({
      $schema: './rule.schema.json',
      name: 'test-cpu',
      metric: 'cpu.usage_active',
      threshold: 60,
      period: '2m',
      source: { hosts: ['test-66-onecloud02'] },
    });
    expect((await readdir(dir)).sort()).toEqual(['rule.schema.json', 'test-cpu.json']);
    expect(await readFile(join(dir, 'rule.schema.json'), 'utf8')).toBe(ruleSchemaText());
    expect((await loadRules(dir)).problems).toEqual([]);
  });

  it('takes hosts and guests several times, and memory with its unit', async () => {
    const dir = join(await directory(), 'not', 'there');
    const line = `rules create --rules-dir ${dir} m mem.available.lt 16GiB --source-host a --source-host b --source-guest g --target-host c --target-host d --json`;
    const { status, out } = await run(line, { env: { RULES_DIR: '/nowhere' } });
    const rule = {
      $schema: './rule.schema.json',
      name: 'm',
      metric: 'mem.available',
      threshold: '16GiB',
      source: { hosts: ['a', 'b'], guests: ['g'] },
      target: { hosts: ['c', 'd'] },
    };
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual({ file: join(dir, 'm.json'), rule });
    expect(await read(join(dir, 'm.json'))).toEqual(rule);
  });

  it('leaves a schema that stands there as it is', async () => {
    const dir = await directory();
    await writeFile(join(dir, 'rule.schema.json'), '{}');
    expect(await run('rules create a cpu.usage_active.gt 60', { env: { RULES_DIR: dir } })).toMatchObject({
      status: 0,
    });
    expect(await read(join(dir, 'rule.schema.json'))).toEqual({});
  });

  it('reads plain numbers, for CPU also with a % sign', async () => {
    const dir = await directory();
    await run('rules create a cpu.usage_active.gt 62.5%', { env: { RULES_DIR: dir } });
    await run('rules create b mem.available.lt 1073741824', { env: { RULES_DIR: dir } });
    expect((await loadRules(dir)).files.map(({ threshold }) => threshold)).toEqual([62.5, 1073741824]);
  });

  it.each([
    [
      'r cpu.usage_active.lt 60',
      'metric: expected "cpu.usage_active.gt", as a rule on cpu.usage_active fires above its threshold, got "cpu.usage_active.lt"',
    ],
    [
      'r mem.available.gt 1GiB',
      'metric: expected "mem.available.lt", as a rule on mem.available fires below its threshold, got "mem.available.gt"',
    ],
    [
      'r cpu.usage_active 60',
      'metric: expected "cpu.usage_active.gt", as a rule on cpu.usage_active fires above its threshold, got "cpu.usage_active"',
    ],
    ['r disk.used.gt 60', 'metric: expected "cpu.usage_active.gt" or "mem.available.lt", got "disk.used.gt"'],
    ['r cpu.usage_active.gt abc', 'threshold: expected a number above 0 and at most 100 (%), got "abc"'],
    ['r cpu.usage_active.gt 160', 'threshold: expected a number above 0 and at most 100 (%), got 160'],
    [
      'r mem.available.lt 16XB',
      'threshold: expected bytes above 0, a string such as "16GiB", or "10%" of the host\'s memory, got "16XB"',
    ],
    [
      'r cpu.usage_active.gt 60 --period soon',
      'period: expected a duration above 0 such as "2m" or "1h30m", got "soon"',
    ],
    ['../r cpu.usage_active.gt 60', '"../r" cannot be the name of a rule'],
    ['rule.schema cpu.usage_active.gt 60', '"rule.schema" cannot be the name of a rule'],
  ])('refuses %s', async (words, message) => {
    const dir = await directory();
    expect(await run(`rules create ${words}`, { env: { RULES_DIR: dir } })).toEqual({
      status: 2,
      out: '',
      err: `${message}\n`,
    });
    expect(await readdir(dir)).toEqual([]);
  });

  it('replaces a rule only when told to', async () => {
    const dir = await directory({ 'r.json': ruleFile('r', { threshold: 50 }) });
    const env = { RULES_DIR: dir };
    const refused = await run('rules create r cpu.usage_active.gt 60', { env });
    expect(refused).toEqual({
      status: 2,
      out: '',
      err: `${join(dir, 'r.json')}: the rule already exists; --force replaces it\n`,
    });
    expect(await read(join(dir, 'r.json'))).toMatchObject({ threshold: 50 });
    expect((await run('rules create r cpu.usage_active.gt 60 --force', { env })).status).toBe(0);
    expect(await read(join(dir, 'r.json'))).toMatchObject({ threshold: 60 });
    expect((await readdir(dir)).sort()).toEqual(['r.json', 'rule.schema.json']);
  });

  it('ends with 1 where the file system fails', async () => {
    const dir = await directory({ file: '' });
    const { status, err } = await run('rules create r cpu.usage_active.gt 60', {
      env: { RULES_DIR: join(dir, 'file') },
    });
    expect(status).toBe(1);
    expect(err).toContain(join(dir, 'file'));
  });
});

describe('rules list', () => {
  it('prints a table, and what is wrong with broken files', async () => {
    const dir = await directory({
      'cpu.json': ruleFile('cpu', { period: '2m', source: { hosts: ['a15', 'a16'] }, enabled: false }),
      'mem.json': ruleFile('mem', { metric: 'mem.available', threshold: '16GiB', match: { alert: 'LowMemory' } }),
      'bad.json': '{',
    });
    const { status, out, err } = await run('rules list', { env: { RULES_DIR: dir } });
    expect(out.split('\n')).toEqual([
      '+------+-------------------------+--------+--------------+---------------+--------------+-----------+---------+------+',
      '| name | condition               | period | source hosts | source guests | target hosts | alert     | enabled | mode |',
      '+------+-------------------------+--------+--------------+---------------+--------------+-----------+---------+------+',
      '| cpu  | cpu.usage_active > 60 % | 2m     | a15, a16     | every guest   | any host     | cpu       | no      | auto |',
      '| mem  | mem.available < 16GiB   | 5m     | every host   | every guest   | any host     | LowMemory | yes     | auto |',
      '+------+-------------------------+--------+--------------+---------------+--------------+-----------+---------+------+',
      '',
    ]);
    expect(err).toMatch(/bad\.json: line 1, column 2: not JSON: /);
    expect(status).toBe(2);
  });

  it('prints JSON', async () => {
    const dir = await directory({ 'cpu.json': ruleFile('cpu') });
    const { status, out } = await run('rules list --json', { env: { RULES_DIR: dir } });
    expect(JSON.parse(out)).toEqual({ rules: [ruleFile('cpu')], problems: [] });
    expect(status).toBe(0);
  });

  it('names a directory that is not there', async () => {
    const { status, err } = await run('rules list', { env: { RULES_DIR: '/nowhere' } });
    expect({ status, err }).toEqual({ status: 2, err: '/nowhere: the directory of rules does not exist\n' });
  });
});

describe('rules show', () => {
  it('prints one rule, as a table or as it was written', async () => {
    const match = { labels: { severity: 'critical' }, hostLabel: 'node' };
    const dir = await directory({ 'cpu.json': ruleFile('cpu', { match }), 'bad.json': '{' });
    const env = { RULES_DIR: dir };
    const shown = await run('rules show cpu', { env });
    expect(shown.status).toBe(0);
    expect(shown.out).toContain('| condition                | cpu.usage_active > 60 % |');
    expect(shown.out).toContain('| labels                   | severity=critical       |');
    expect(shown.out).toContain('| host label               | node                    |');
    expect(JSON.parse((await run('rules show cpu --json', { env })).out)).toEqual(ruleFile('cpu', { match }));
  });

  it('tells every key, and which of them are defaults', async () => {
    const keys = {
      headroom: 8,
      mode: 'recommend' as const,
      keepApart: [['db-1', 'db-2'], { tag: 'anti-affinity' }],
      pinned: { 'license-server': ['a15', 'a16'] },
      windows: { allow: ['* 8-17 * * 1-5'] },
      limits: { perTarget: 1 },
    };
    const dir = await directory({ 'cpu.json': ruleFile('cpu', keys) });
    const { out } = await run('rules show cpu', { env: { RULES_DIR: dir } });
    const told = Object.fromEntries(
      [...out.matchAll(/^\| (\S+) +\| (.+?) +\|$/gm)].map(([, key, value]) => [key, value]),
    );
    expect(told).toMatchObject({
      headroom: '8',
      cooldown: '1h (default)',
      'guards.memoryFloor': '1GiB (default)',
      evidence: 'mean (default)',
      mode: 'recommend',
      keepTogether: 'none (default)',
      keepApart: '[db-1, db-2], tag: anti-affinity',
      pinned: 'license-server: a15, a16',
      'windows.timeZone': 'UTC (default)',
      'windows.allow': '* 8-17 * * 1-5',
      'limits.perTarget': '1',
      foreignPause: '15m (default)',
    });
  });

  it('forgets no key of the schema', async () => {
    const dir = await directory({ 'cpu.json': ruleFile('cpu') });
    const { out } = await run('rules show cpu', { env: { RULES_DIR: dir } });
    const told = [...out.matchAll(/^\| (\S+) /gm)].map(([, key]) => key);
    type Properties = Record<string, { properties?: Properties }>;
    const { properties } = JSON.parse(ruleSchemaText()) as { properties: Properties };
    // These have columns under other words.
    const elsewhere = ['$schema', 'metric', 'threshold', 'match', 'source', 'target'];
    const keys = Object.entries(properties)
      .filter(([key]) => !elsewhere.includes(key))
      .flatMap(([key, value]) =>
        value.properties ? Object.keys(value.properties).map((sub) => `${key}.${sub}`) : [key],
      );
    expect(told).toEqual(expect.arrayContaining(keys));
  });

  it('says why it cannot', async () => {
    const dir = await directory({ 'bad.json': '{' });
    const none = await run('rules show none', { env: { RULES_DIR: dir } });
    expect(none).toEqual({ status: 2, out: '', err: `there is no rule "none" in ${dir}\n` });
    const bad = await run('rules show bad', { env: { RULES_DIR: dir } });
    expect(bad.status).toBe(2);
    expect(bad.err).toContain('bad.json: line 1');
  });
});

describe('rules delete', () => {
  it('deletes a rule, broken or not, once', async () => {
    const dir = await directory({ 'a.json': ruleFile('a'), 'bad.json': '{' });
    const env = { RULES_DIR: dir };
    expect(await run('rules delete a', { env })).toEqual({
      status: 0,
      out: `deleted ${join(dir, 'a.json')}\n`,
      err: '',
    });
    expect(JSON.parse((await run('rules delete bad --json', { env })).out)).toEqual({ file: join(dir, 'bad.json') });
    expect(await readdir(dir)).toEqual([]);
    const again = await run('rules delete a', { env });
    expect(again).toEqual({ status: 2, out: '', err: `${join(dir, 'a.json')}: there is no such rule\n` });
  });

  it('deletes nothing outside the directory, nor the schema', async () => {
    const dir = await directory({ 'rule.schema.json': '{}' });
    expect((await run('rules delete ../x', { env: { RULES_DIR: dir } })).status).toBe(2);
    expect((await run('rules delete rule.schema', { env: { RULES_DIR: dir } })).status).toBe(2);
    expect(await readdir(dir)).toEqual(['rule.schema.json']);
  });
});

it('rules schema prints the schema, or writes it', async () => {
  const file = join(await directory(), 'rule.schema.json');
  expect((await run('rules schema')).out).toBe(ruleSchemaText());
  expect(await run(`rules schema --write ${file}`)).toEqual({ status: 0, out: '', err: '' });
  expect(await readFile(file, 'utf8')).toBe(ruleSchemaText());
});

describe('rules create has every key of the schema', () => {
  it('as an option', async () => {
    const dir = await directory();
    const options = [
      '--period 3m --headroom 5 --cooldown 30m --guards-memory-floor 4GiB --guards-cpu-ceiling 90 --allocation-memory 1',
      '--allocation-cpu 16 --evidence 0.8 --mode recommend --keep-together a,b --keep-apart tag:anti-affinity',
      '--keep-apart c,d --pinned license=a15,a16 --ignore-guests dns-1 --ignore-hosts a17 --ignore-tags lab',
      '--least-gain 0.1 --windows-time-zone Europe/Berlin --windows-allow *~8-17~*~*~1-5 --limits-migrations-per-hour 9',
      '--limits-memory-per-hour 64GiB --limits-per-source 1 --limits-per-target 2 --foreign-pause 5m',
      '--target-same-zone --target-same-aggregate --target-with-local-disks --match-alert Hot --match-labels severity=critical',
      '--match-host-label node --disabled --windows-deny *~*~*~*~0 --source-guest g',
    ].join(' ');
    const { status, err } = await run(`rules create all cpu.usage_active.gt 60 ${options}`, {
      env: { RULES_DIR: dir },
      spaces: '~',
    });
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const rule = await read(join(dir, 'all.json'));
    expect(rule).toMatchObject({
      headroom: 5,
      guards: { memoryFloor: '4GiB', cpuCeiling: 90 },
      evidence: { share: 0.8 },
      keepApart: [{ tag: 'anti-affinity' }, ['c', 'd']],
      pinned: { license: ['a15', 'a16'] },
      windows: { timeZone: 'Europe/Berlin', allow: ['* 8-17 * * 1-5'], deny: ['* * * * 0'] },
      target: { sameZone: true, sameAggregate: true, withLocalDisks: true },
      match: { alert: 'Hot', labels: { severity: 'critical' }, hostLabel: 'node' },
      enabled: false,
    });
    type Properties = Record<string, { properties?: Properties }>;
    const { properties } = JSON.parse(ruleSchemaText()) as { properties: Properties };
    const paths = (of: Properties): string[] =>
      Object.entries(of).flatMap(([key, value]) =>
        value.properties ? paths(value.properties).map((sub) => `${key}.${sub}`) : [key],
      );
    const flag = (path: string) =>
      `--${path.replaceAll('.', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} `;
    const { out } = await run('rules create --help');
    // Arguments, and options whose words were there before.
    const otherwise = [
      '$schema',
      'name',
      'metric',
      'threshold',
      'enabled',
      'source.hosts',
      'source.guests',
      'target.hosts',
    ];
    expect(paths(properties).filter((path) => !out.includes(flag(path)))).toEqual(expect.arrayContaining(otherwise));
    expect(paths(properties).filter((path) => !out.includes(flag(path)) && !otherwise.includes(path))).toEqual([]);
  });
});

describe('what a rule allows and hardly anybody means', () => {
  it.each([
    ['mem.available.lt 16', 'threshold: 16 bytes are next to nothing; did you mean "16GiB"?'],
    ['cpu.usage_active.gt 0.6', 'threshold: 0.6 % is next to nothing; did you mean 60?'],
    [
      'cpu.usage_active.gt 60 --period 30s',
      'period: 30s holds less than two samples, at one every 1m; expected 2m at least',
    ],
    [
      'cpu.usage_active.gt 60 --source-host a --target-host a',
      'target.hosts: every one is in source.hosts too, and those are never targets: nothing can move',
    ],
  ])('is warned about: %s', async (words, warning) => {
    const dir = await directory();
    const env = { RULES_DIR: dir };
    const { status, err } = await run(`rules create r ${words}`, { env });
    expect({ status, err }).toEqual({ status: 0, err: `warning: ${warning}\n` });
    const checked = await run('rules check', { env });
    expect(checked).toEqual({
      status: 0,
      out: '1 rule can be used, with 1 warning\n',
      err: `warning: ${join(dir, 'r.json')}: ${warning}\n`,
    });
  });

  it('goes by the sample interval of this environment', async () => {
    const env = { RULES_DIR: await directory(), PROMETHEUS_SCRAPE_INTERVAL: '15s' };
    expect((await run('rules create r cpu.usage_active.gt 60 --period 30s', { env })).err).toBe('');
  });
});

describe('rules set, enable and disable', () => {
  it('change keys and tell what was there', async () => {
    const dir = await directory({ 'r.json': ruleFile('r', { source: { hosts: ['a'] } }) });
    const env = { RULES_DIR: dir };
    const { out, status } = await run(
      'rules set r threshold=55 source.hosts=b,c windows.allow=*~8-17~*~*~1-5;*~8~*~*~6',
      {
        env,
        spaces: '~',
      },
    );
    expect({ out, status }).toEqual({
      status: 0,
      out: [
        `wrote ${join(dir, 'r.json')}:`,
        '  threshold: 60 → 55',
        '  source.hosts: ["a"] → ["b","c"]',
        '  windows.allow: not set → ["* 8-17 * * 1-5","* 8 * * 6"]',
        '',
      ].join('\n'),
    });
    await run('rules set r source.hosts= windows.allow=', { env });
    await run('rules disable r', { env });
    expect(await read(join(dir, 'r.json'))).toEqual({ ...ruleFile('r', { threshold: 55 }), enabled: false });
    expect((await run('rules enable r', { env })).out).toContain('  enabled: false → true\n');
  });

  it.each([
    ['r threshold', 'expected key=value, got "threshold"'],
    ['r treshold=5', 'treshold: unknown key; expected one of metric, threshold, period'],
    ['r name=s', 'name: the name is that of the file, and stays'],
    ['r threshold=160 period=9m', 'threshold: expected a number above 0 and at most 100 (%), got 160'],
    ['r target.sameZone=perhaps', 'target.sameZone: expected true or false, got "perhaps"'],
    ['nobody threshold=5', 'there is no such rule'],
    ['../r threshold=5', '"../r" cannot be the name of a rule'],
  ])('write all or nothing: %s', async (words, message) => {
    const dir = await directory({ 'r.json': ruleFile('r') });
    const { status, err, out } = await run(`rules set ${words}`, { env: { RULES_DIR: dir } });
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(message);
    expect(await read(join(dir, 'r.json'))).toEqual(ruleFile('r'));
    expect(await readdir(dir)).toEqual(['r.json']);
  });
});

describe('rules check', () => {
  it('names what is wrong in each file, and ends with 2', async () => {
    const dir = await directory({ 'a.json': ruleFile('a'), 'b.json': ruleFile('b', { threshold: 160 }) });
    const wrong = `${join(dir, 'b.json')}: threshold: expected a number above 0 and at most 100 (%), got 160\n`;
    expect(await run('rules check', { env: { RULES_DIR: dir } })).toEqual({ status: 2, out: '', err: wrong });
    expect(await run(`rules check ${join(dir, 'b.json')}`)).toEqual({ status: 2, out: '', err: wrong });
    expect(await run(`rules check ${join(dir, 'a.json')}`)).toMatchObject({ status: 0, out: '1 rule can be used\n' });
    expect((await run('rules check /nowhere.json')).err).toMatch(/^\/nowhere\.json: ENOENT/);
  });
});

it('rules list fits 80 columns: what says nothing of any rule is left out', async () => {
  const dir = await directory({
    'hypervisors-cpu.json': ruleFile('hypervisors-cpu', { source: { hosts: ['test-66-onecloud02'] } }),
    'mem.json': ruleFile('mem', { metric: 'mem.available', threshold: '16GiB', mode: 'recommend' }),
  });
  const { out } = await run('rules list', { env: { RULES_DIR: dir }, width: 80 });
  expect(out.trimEnd().split('\n')).toEqual([
    '+-----------------+-------------------------+--------------------+-----------+',
    '| name            | condition               | source hosts       | mode      |',
    '+-----------------+-------------------------+--------------------+-----------+',
    '| hypervisors-cpu | cpu.usage_active > 60 % | test-66-onecloud02 | auto      |',
    '| mem             | mem.available < 16GiB   | every host         | recommend |',
    '+-----------------+-------------------------+--------------------+-----------+',
  ]);
});
