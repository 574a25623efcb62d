import request from 'supertest';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readScenario } from '../../src/app/create-fleet.js';
import { simulateCommand, simulationApp } from '../../src/cli/simulate.js';
import { embeddedFleet } from '../../src/fleet/clouds/embedded-fleet.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { ensureBuilt, startProgram } from '../support/program.js';
import { createVirtualClock } from '../support/virtual-clock.js';
import { run } from './run.js';

const app = () => simulationApp(createSimulatedCloud(structuredClone(embeddedFleet), createVirtualClock()));
const WIKI = '98f2b0aa-1d5e-4a43-b7c6-0e9d2c4b7f43';
const TEST_69 = '1c5e3a52-7d4b-4f0e-9a53-52b1a0c8e6d4';

describe('the simulated fleet over HTTP', () => {
  it('tells hosts, guests by pages, and readings apart from both', async () => {
    const fleet = app();
    const { hosts } = (await request(fleet).get('/hosts').expect(200)).body as { hosts: object[] };
    expect(hosts).toHaveLength(3);
    expect(hosts[0]).not.toHaveProperty('metrics');
    const { body } = await request(fleet).get('/guests?offset=5&limit=5').expect(200);
    expect(body).toMatchObject({ total: 7, guests: [{ name: 'web-frontend' }, { name: 'search-index' }] });
    const readings = (await request(fleet).get('/readings').expect(200)).body as { hosts: { metrics: object }[] };
    expect(readings.hosts[0]!.metrics).toMatchObject({ 'cpu.usage_active': { value: 66.53 } });
  });

  it('moves a guest when asked', async () => {
    const fleet = app();
    await request(fleet).post('/migrations').send({ guest: WIKI, target: TEST_69 }).expect(200, { accepted: true });
    const { body } = await request(fleet).get(`/guests/${WIKI}/migration`).expect(200);
    expect(body).toMatchObject({ phase: 'moving' });
  });

  it("writes the readings as Telegraf's output for Prometheus does", async () => {
    const { text } = await request(app())
      .get('/metrics')
      .expect(200)
      .expect('content-type', /version=0.0.4/);
    expect(text).toContain(
      `cpu_usage_active{cpu="cpu-total",host="test-69-onecloud01",host_id="${TEST_69}",res_type="host"} 55.313408\n`,
    );
    expect(text).toMatch(/^vm_cpu_usage_active\{vm_id="98f2b0aa[^}]*\} 6\.1$/m);
  });

  it('lets a guest use more, which its host shows', async () => {
    const fleet = app();
    await request(fleet).put(`/guests/${WIKI}/cpu`).send({ value: 100 }).expect(200);
    const { text } = await request(fleet).get('/metrics');
    const [, a15] = /host="a15"[^}]*\} ([\d.]+)\nmem/.exec(text)!;
    expect(Number(a15)).toBeCloseTo(62.305391 + ((100 - 6.1) * 2) / 40, 5);
  });

  it.each([
    ['put', `/guests/${WIKI}/cpu`, { value: 'much' }, 400],
    ['put', '/guests/nobody/cpu', { value: 1 }, 500],
    ['post', '/migrations', {}, 400],
  ] as const)('answers %s %s %o with an error that says why', async (method, path, body, status) => {
    const answer = await request(app())[method](path).send(body).expect(status);
    expect(answer.body).toHaveProperty('error');
  });
});

describe('automigrate simulate', () => {
  it('says where it listens, and ends by a signal with 0', async () => {
    ensureBuilt();
    const program = startProgram({}, [], ['simulate', '--port', '0']);
    onTestFinished(() => program.kill('SIGKILL'));
    const url = (await program.listening).trim();
    expect((await fetch(`${url}/hosts`)).status).toBe(200);
    program.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0 });
  });

  it.each([
    ['--port many', '--port: expected 0 to 65535, got "many"'],
    ['--scenario /nowhere.json', 'SIMULATION: ENOENT'],
  ])('ends with 2 for %s', async (options, message) => {
    const commands = [
      (context: Parameters<typeof simulateCommand>[0]) => simulateCommand(context, createVirtualClock(), readScenario),
    ];
    const { status, err } = await run(`simulate ${options}`, { handlers: { commands } });
    expect(status).toBe(2);
    expect(err).toContain(message);
  });
});
