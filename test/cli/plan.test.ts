import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planCommand } from '../../src/cli/plan.js';
import { run as runCommandLine } from './run.js';

let folder: string;
let snapshotFile: string;
let ruleFile: string;

const rule = { name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60 };
const hostShape = {
  status: 'online',
  enabled: true,
  host_type: 'hypervisor',
  cpu_architecture: 'x86_64',
  cpu_count: 40,
  mem_size: 262144,
};
const memory = 94193070080;
const snapshot = {
  hosts: [
    { id: '1', name: 'a15', ...hostShape, metrics: { 'cpu.usage_active': 62.305391, 'mem.available': memory } },
    { id: '2', name: 'idle', ...hostShape, metrics: { 'cpu.usage_active': 22.65, 'mem.available': memory } },
    { id: '3', name: 'full', ...hostShape, metrics: { 'cpu.usage_active': 59.9, 'mem.available': memory } },
    { id: '4', name: 'twin', ...hostShape, metrics: {} },
    { id: '5', name: 'twin', ...hostShape, metrics: {} },
  ],
  guests: [
    {
      id: 'g1',
      name: 'aisenzhe',
      host_id: '1',
      status: 'running',
      vcpu_count: 8,
      vmem_size: 8192,
      metrics: { 'cpu.usage_active': 53.846966666666674 },
    },
  ],
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'automigrate-plan-'));
  snapshotFile = write('snapshot.json', snapshot);
  ruleFile = write('rule.json', rule);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, content: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** Hosts of 100 and 400 GiB, of which 9 and 30 are available; a guest of 8 GiB on each; and one with room. */
const GIB = 1024 ** 3;
const bySize = {
  hosts: [
    ['1', 'small', 100, 9],
    ['2', 'large', 400, 30],
    ['3', 'roomy', 400, 300],
  ].map(([id, name, size, available]) => ({
    ...hostShape,
    id,
    name,
    mem_size: Number(size) * 1024,
    metrics: { 'cpu.usage_active': 10, 'mem.available': Number(available) * GIB },
  })),
  guests: [
    ['g1', '1'],
    ['g2', '2'],
    ['g3', '2'],
  ].map(([id, host_id]) => ({
    ...snapshot.guests[0],
    id,
    name: id,
    host_id,
    vmem_size: 8192,
  })),
};

const run = (...args: string[]) =>
  runCommandLine(['plan', ...args].join(' '), { handlers: { commands: [planCommand] } });

describe('automigrate plan', () => {
  it('plans around a host whose CPUs the cloud has not counted', async () => {
    const [first] = snapshot.hosts;
    const uncounted = { ...first, id: 'new', name: 'new-host', cpu_count: 0 };
    const file = write('uncounted.json', { ...snapshot, hosts: [...snapshot.hosts, uncounted] });
    const { out, status } = await run('--snapshot', file, '--rule', ruleFile, '--host', 'a15', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ outcome: 'migrate', migrations: [{ guest: { id: 'g1' } }] });
  });

  it('prints the plan as JSON and exits with 0', async () => {
    const { out, status } = await run('--snapshot', snapshotFile, '--rule', ruleFile, '--host', 'a15', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      outcome: 'migrate',
      rule: 'test-cpu',
      metric: 'cpu.usage_active',
      threshold: 60,
      migrations: [{ guest: { id: 'g1', score: 10.769393333333335 }, target_host: { id: '2', score: 22.65 } }],
      cost: 9216,
      rejected: expect.arrayContaining([expect.objectContaining({ guest: 'aisenzhe', host: 'full' })]) as unknown,
    });
  });

  it('takes a host by id, several times', async () => {
    const { out, status } = await run(
      '--snapshot',
      snapshotFile,
      '--rule',
      ruleFile,
      '--host',
      '1',
      '--host',
      '3',
      '--json',
    );
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ sources: [{ name: 'a15' }, { name: 'full' }] });
  });

  it('reads like an answer without --json: what has to go, what moves, who was refused, a chart', async () => {
    const { out } = await run('--snapshot', snapshotFile, '--rule', ruleFile, '--host', 'a15');
    expect(out).toContain('a15 is at 62.31 % of its CPUs, 2.31 points over the threshold of 60 %');
    expect(out).toContain('aisenzhe: a15 -> idle (8 vCPUs, 8192 MiB, takes 10.8 points off its host)');
    expect(out).toContain('1 host over threshold after the move (full)');
    expect(out).toMatch(/a15 +before +█{18}\S+ +62\.3 %\n +after +█{15}\S+ +51\.5 %/);
  });

  it('says what is missing where nothing is found', async () => {
    const tight = write('tight.json', { ...rule, target: { hosts: ['full'] } });
    const { out } = await run('--snapshot', snapshotFile, '--rule', tight, '--host', 'a15');
    expect(out).toContain('closest is aisenzhe on full, which lacks 10.67 points of CPU');
  });

  it('exits with 3 where nothing is needed and where nothing is found', async () => {
    const notNeeded = await run('--snapshot', snapshotFile, '--rule', ruleFile, '--host', 'idle', '--json');
    expect([notNeeded.status, (JSON.parse(notNeeded.out) as { outcome: string }).outcome]).toEqual([3, 'not_needed']);
    const tight = write('tight.json', { ...rule, target: { hosts: ['full'] } });
    const failed = await run('--snapshot', snapshotFile, '--rule', tight, '--host', 'a15', '--json');
    expect([failed.status, (JSON.parse(failed.out) as { outcome: string }).outcome]).toEqual([3, 'find_result_fail']);
  });
});

describe('bad input exits with 2 and names file and field', () => {
  const good = () => ({ '--snapshot': snapshotFile, '--rule': ruleFile, '--host': 'a15' });
  const bad = async (changes: Record<string, string | undefined>) => {
    const options: Record<string, string | undefined> = { ...good(), ...changes };
    const args = Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [key, value]));
    const { out, err, status } = await run(...args);
    expect(out).toBe('');
    expect(status).toBe(2);
    return err;
  };

  it('a file that is not there', async () => {
    expect(await bad({ '--snapshot': join(folder, 'none.json') })).toContain('none.json: no such file');
    expect(await bad({ '--rule': folder })).toContain(`${folder}: cannot be read (EISDIR)`);
  });

  it('broken JSON, with its place', async () => {
    expect(await bad({ '--snapshot': write('broken.json', '{\n "hosts": [1,,2] }') })).toMatch(
      /broken\.json: line 2, column 14/,
    );
    expect(await bad({ '--rule': write('empty.json', '') })).toMatch(/empty\.json: the file is empty/);
  });

  it('a snapshot with a wrong field', async () => {
    const [first, ...others] = snapshot.hosts;
    const file = write('wrong.json', { ...snapshot, hosts: [...others, { ...first, cpu_count: 'many' }] });
    expect(await bad({ '--snapshot': file })).toMatch(/wrong\.json: hosts\[4\]\.cpu_count: .*number/);
  });

  it('a rule with a wrong or unknown field', async () => {
    expect(await bad({ '--rule': write('wrong.json', { ...rule, threshold: 160 }) })).toContain(
      'wrong.json: threshold: ',
    );
    expect(await bad({ '--rule': write('more.json', { ...rule, treshold: 1 }) })).toMatch(/more\.json: .*treshold/);
  });

  it('a host that is unknown, ambiguous or not given', async () => {
    expect(await bad({ '--host': 'nobody' })).toContain('--host nobody: ');
    expect(await bad({ '--host': 'twin' })).toMatch(/--host twin: 2 hosts in .* bear this name: 4, 5/);
    expect(await bad({ '--host': undefined })).toContain('--host');
  });
});

describe('a threshold that is a share of the memory of each host', () => {
  const share = { name: 'low-memory', metric: 'mem.available', threshold: '10%' };

  it('clears each host by its own memory', async () => {
    const file = write('by-size.json', bySize);
    const rule = write('rule.json', share);
    const { status, out } = await run(
      '--snapshot',
      file,
      '--rule',
      rule,
      '--host',
      'small',
      '--host',
      'large',
      '--json',
    );
    expect(status).toBe(0);
    const plan = JSON.parse(out) as {
      outcome: string;
      sources: { name: string; threshold: number; predicted: number }[];
      migrations: { guest: { name: string }; target_host: { name: string } }[];
      explanation?: { sources: { text: string }[] };
    };
    expect(plan.outcome).toBe('migrate');
    expect(plan.sources.map(({ name, threshold }) => [name, threshold / GIB])).toEqual([
      ['small', 10],
      ['large', 40],
    ]);
    for (const { predicted, threshold } of plan.sources) expect(predicted).toBeGreaterThan(threshold);
    expect(plan.migrations.map(({ guest }) => guest.name).toSorted()).toEqual(['g1', 'g2', 'g3']);
    expect(plan.migrations.map(({ target_host }) => target_host.name)).toEqual(['roomy', 'roomy', 'roomy']);
  });

  it('has nothing to do where every host keeps its share', async () => {
    const file = write('by-size.json', bySize);
    const rule = write('rule.json', { ...share, threshold: '7.5%' });
    expect(await run('--snapshot', file, '--rule', rule, '--host', 'small')).toMatchObject({ status: 3 });
  });

  it.each(['0%', '100%', '10 percent', '-1%'])('is refused where it is none: %s', async (threshold) => {
    const rule = write('rule.json', { ...share, threshold });
    const { status, err } = await run('--snapshot', write('by-size.json', bySize), '--rule', rule, '--host', 'small');
    expect(status).toBe(2);
    expect(err).toContain(
      'threshold: expected bytes above 0, a string such as "16GiB", or "10%" of the host\'s memory',
    );
  });
});
