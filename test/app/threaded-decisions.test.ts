import express from 'express';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { listenOnLoopback } from '../support/loopback.js';
import { ensureBuilt, startProgram } from '../support/program.js';
import { serveSimulation } from '../support/simulation-server.js';

beforeAll(ensureBuilt);

/** The real program over a fleet in another process's place: so its decisions are made in a thread of their own. */
async function program(simulation: string, over: Record<string, string> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-thread-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const rule = { name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, period: '2m', worth: 0 };
  await writeFile(join(directory, 'test-cpu.json'), JSON.stringify(rule));
  const running = startProgram({
    SIMULATION: simulation,
    RULES_DIR: directory,
    DATA_DIR: join(directory, 'data'),
    ...over,
  });
  onTestFinished(async () => {
    running.kill('SIGTERM');
    await running.ended;
  });
  const url = await running.listening;
  let count = 0;
  const alert = async () => {
    // Another occurrence each time.
    const startsAt = new Date(Date.UTC(2026, 10, 28) + (count += 1)).toISOString();
    const labels = { alertname: 'test-cpu', host: 'a' };
    const response = await fetch(`${url}/webhooks/alertmanager`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ version: '4', status: 'firing', alerts: [{ status: 'firing', labels, startsAt }] }),
    });
    return (await response.json()) as { outcome: string };
  };
  const actions = async () => {
    const { events } = (await fetch(`${url}/api/events`).then((response) => response.json())) as {
      events: { action: string; notes: unknown }[];
    };
    return events.filter(({ action }) => action !== 'create');
  };
  return { url, alert, actions, running };
}

const roomy = () =>
  scenario(fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60), guest('h', 'a', 60, { vmem_size: 16384 })]));

/** A store that never answers for readings, behind an inventory that does. */
async function hanging() {
  const { hosts, guests } = roomy().snapshot;
  const app = express();
  app.get(
    '/hosts',
    (_request, response) => void response.json({ hosts: hosts.map(({ metrics: _m, ...rest }) => rest) }),
  );
  app.get('/guests', (_request, response) => {
    response.json({ total: guests.length, guests: guests.map(({ metrics: _m, ...rest }) => rest) });
  });
  app.get('/readings', () => undefined);
  return listenOnLoopback(app);
}

describe('decisions in a thread of their own', () => {
  it('look at the fleet, decide, and leave the moving to the receiver', async () => {
    const cloud = createSimulatedCloud(roomy(), systemClock);
    const server = await serveSimulation(cloud);
    onTestFinished(() => server.close());
    const { url, alert, actions } = await program(server.url);
    expect(await alert()).toMatchObject({ outcome: 'accepted' });
    await expect
      .poll(async () => (await actions()).map(({ action }) => action), { timeout: 60_000 })
      .toEqual(['migrating', 'migrate_success']);
    const summary = (await fetch(`${url}/api/fleet?detail=summary`).then((response) => response.json())) as {
      hosts: { name: string; guest_count: number }[];
    };
    expect(summary.hosts.map(({ name, guest_count }) => [name, guest_count])).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    const view = (await fetch(`${url}/api/hosts/b`).then((response) => response.json())) as {
      host: { name: string };
      guests: { name: string }[];
    };
    expect([view.host.name, view.guests.map(({ name }) => name)]).toEqual(['b', ['g']]);
    expect((await fetch(`${url}/api/hosts/nobody`)).status).toBe(404);
  });

  it('that take longer than they may end in decision_fail, and the next alert is taken', async () => {
    const server = await hanging();
    onTestFinished(() => server.close());
    const { url, alert, actions } = await program(server.url, { DECISION_TIMEOUT: '1s', REQUEST_TIMEOUT: '20s' });
    expect(await alert()).toMatchObject({ outcome: 'accepted' });
    await expect
      .poll(actions, { timeout: 60_000 })
      .toMatchObject([
        { action: 'decision_fail', notes: expect.stringMatching(/no answer within 1 s \(DECISION_TIMEOUT\)/) },
      ]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await expect.poll(async () => (await alert()).outcome, { timeout: 60_000 }).toBe('accepted');
  });

  it('that take more memory than they may do not end the process', async () => {
    const app = express();
    const { hosts } = roomy().snapshot;
    app.get(
      '/hosts',
      (_request, response) => void response.json({ hosts: hosts.map(({ metrics: _m, ...rest }) => rest) }),
    );
    // A fleet without end: every page is full, and there is always another.
    app.get('/guests', (request, response) => {
      const page = Number(request.query.offset);
      const guests = Array.from({ length: Number(request.query.limit) }, (_, index) => {
        const { metrics: _m, ...rest } = guest(`g-${page}-${index}`, 'a', 5);
        return { ...rest, tags: { filler: `${page} ${index} `.repeat(40) } };
      });
      response.json({ total: 10_000_000, guests });
    });
    const server = await listenOnLoopback(app);
    onTestFinished(() => server.close());
    const { url, alert, actions } = await program(server.url, { DECISION_MEMORY: '128MiB', REQUEST_TIMEOUT: '5m' });
    await alert();
    await expect
      .poll(actions, { timeout: 90_000 })
      .toMatchObject([
        { action: 'decision_fail', notes: expect.stringMatching(/more than 128 MiB of memory \(DECISION_MEMORY\)/) },
      ]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});
