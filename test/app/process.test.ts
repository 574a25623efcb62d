import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { SimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { BatchRecord } from '../../src/journal/journal.js';
import { readJournalEvents } from '../../src/journal/lowdb/open-journal.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { ensureBuilt, startProgram } from '../support/program.js';
import { serveSimulation } from '../support/simulation-server.js';

beforeAll(ensureBuilt, 120_000);

let directory: string;
let cloud: SimulatedCloud;
let env: Record<string, string>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'process-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const rulesDir = join(directory, 'rules');
  await mkdir(rulesDir);
  const rule = { name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60 };
  await writeFile(join(rulesDir, 'test-cpu.json'), JSON.stringify(rule));
  const snapshot = fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60, { vmem_size: 2048 })]);
  cloud = createSimulatedCloud(scenario(snapshot), systemClock);
  const server = await serveSimulation(cloud);
  onTestFinished(() => server.close());
  env = { RULES_DIR: rulesDir, DATA_DIR: join(directory, 'data'), SIMULATION: server.url };
});

function start(over: Record<string, string> = {}, nodeArguments: string[] = []) {
  const program = startProgram({ ...env, ...over }, nodeArguments);
  onTestFinished(async () => {
    program.kill('SIGKILL');
    await program.ended;
  });
  return program;
}
const post = (url: string) =>
  fetch(`${url}/webhooks/alertmanager`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ alerts: [{ status: 'firing', labels: { alertname: 'test-cpu', host: 'a' } }] }),
  });
const actions = async () => (await readJournalEvents(env.DATA_DIR!)).map(({ action }) => action);
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(20);
}

describe('SIGTERM', () => {
  it('hands a migration over: the process ends in order, and the next one follows it to its end', async () => {
    const first = start();
    expect((await post(await first.listening)).status).toBe(202);
    await until(() => cloud.asked.size > 0);
    first.kill('SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(await actions()).toEqual(['create', 'migrating']);

    const second = start();
    await second.listening;
    await until(async () => (await actions()).length === 3);
    expect(await actions()).toEqual(['create', 'migrating', 'migrate_success']);
    expect([...cloud.asked.values()]).toEqual([1]);
  });

  it('answers 503 to alerts while it goes down, and ends in the time that is set', async () => {
    const program = start({ SHUTDOWN_TIMEOUT: '1500ms' });
    const url = await program.listening;
    // A move that the cloud takes on and never answers for: what was begun is not torn off.
    cloud.startMigration = () => new Promise(() => undefined);
    expect((await post(url)).status).toBe(202);
    await until(async () => (await actions()).includes('migrating'));
    program.kill('SIGTERM');
    await until(() => program.output().includes('going down'));
    const answer = await post(url);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ outcome: 'unavailable', reason: 'shutting_down' });
    expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ problems: ['going down'] });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.output()).toMatch(/not everything ended in time/);
    const file = JSON.parse(await readFile(join(env.DATA_DIR!, 'journal.json'), 'utf8')) as { batch: BatchRecord };
    expect(file.batch.migrations).toMatchObject([{ phase: 'asking' }]);
  });

  it('ends at once when it comes twice', async () => {
    const program = start({ SHUTDOWN_TIMEOUT: '1h' });
    const url = await program.listening;
    cloud.startMigration = () => new Promise(() => undefined);
    await post(url);
    await until(async () => (await actions()).includes('migrating'));
    program.kill('SIGTERM');
    await until(() => program.output().includes('going down'));
    program.kill('SIGTERM');
    expect(await program.ended).toEqual({ code: 143, signal: null });
  });
});

it.each([
  ['exception', 'throw new Error("made up")', 'a fault that nobody took up'],
  ['rejection', 'Promise.reject(new Error("made up"))', 'a rejection that nobody took up'],
])('an %s that nobody took up is logged as fatal and ends the process with status 1', async (_what, code, words) => {
  const program = start({}, ['--import', `data:text/javascript,process.on("SIGUSR2", () => { ${code} })`]);
  await program.listening;
  program.kill('SIGUSR2');
  expect(await program.ended).toEqual({ code: 1, signal: null });
  const fatal = program
    .output()
    .split('\n')
    .find((line) => line.includes('"level":"fatal"'));
  expect(JSON.parse(fatal!)).toMatchObject({ msg: expect.stringContaining(words), err: { message: 'made up' } });
});

describe('two processes on one data directory', () => {
  it('the second does not start, and says who is there; after a kill -9 it does', async () => {
    const first = start();
    await first.listening;
    const second = start();
    expect((await second.ended).code).toBe(2);
    expect(second.output()).toMatch(/automigrate: DATA_DIR: .*data is in use by another automigrate: process \d+ on /);
    first.kill('SIGKILL');
    await first.ended;
    expect(await start().listening).toMatch(/^http/);
  });
});

it('starts on a garbage journal, which it keeps and tells of', async () => {
  await mkdir(env.DATA_DIR!);
  await writeFile(join(env.DATA_DIR!, 'journal.json'), '{"version":1,"ev');
  const program = start();
  await program.listening;
  expect(program.output()).toMatch(/journal\.json could not be read .* kept as .*journal\.json\.broken-/);
});

it('refuses a data directory that is none, by name', async () => {
  await writeFile(env.DATA_DIR!, '');
  const program = start();
  expect((await program.ended).code).toBe(2);
  expect(program.output()).toMatch(/automigrate: DATA_DIR: .*EEXIST/);
});

it('is not started for libvirt where there is no virsh, and says so', async () => {
  const program = start({ CLOUD: 'libvirt', LIBVIRT_URIS: 'qemu+ssh://a/system', PATH: '/nowhere' });
  expect((await program.ended).code).toBe(2);
  expect(program.output()).toBe(
    'automigrate: CLOUD: libvirt: the program virsh is not in PATH (Debian: libvirt-clients)\n',
  );
});

describe('the health of the fleet', () => {
  const statusOf = async (url: string) =>
    (await (await fetch(`${url}/api/status`)).json()) as Record<'cloud' | 'metrics', { up: boolean; text?: string }>;

  it('is shown by /api/status, and a cloud that is not there is warned of at the start', async () => {
    const up = start();
    const url = await up.listening;
    await until(async () => (await statusOf(url)).cloud.up);
    expect(await statusOf(url)).toMatchObject({ cloud: { up: true }, metrics: { up: true } });
    expect(up.output()).not.toContain('cannot be asked');
    up.kill('SIGTERM');
    await up.ended;

    const alone = start({ SIMULATION: 'http://127.0.0.1:9' });
    await alone.listening;
    await until(() => alone.output().includes('the cloud cannot be asked: simulated: list one guest: '));
    expect(await statusOf(await alone.listening)).toMatchObject({ cloud: { up: false }, metrics: { up: false } });
  });
});
