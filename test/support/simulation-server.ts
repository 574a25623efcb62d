import express from 'express';
import type { GuestRecord, MigrationRequest } from '../../src/fleet/fleet.js';
import type { SimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { LoopbackServer } from './loopback.js';
import { listenOnLoopback } from './loopback.js';

/** Serves a simulated cloud as `src/fleet/clouds/remote-simulation.ts` asks for it, on a free port of loopback. */
export async function serveSimulation(cloud: SimulatedCloud): Promise<LoopbackServer> {
  const app = express().use(express.json());
  const about = (id: string): MigrationRequest => {
    const nowhere = { id: '', name: '' };
    return { guest: { id, name: id } as GuestRecord, source: nowhere, target: nowhere };
  };
  app.get('/hosts', async (_request, response) => {
    response.json({ hosts: (await cloud.inventory()).hosts });
  });
  app.get('/guests', async (request, response) => {
    const { guests } = await cloud.inventory();
    const [offset, limit] = [Number(request.query.offset), Number(request.query.limit)];
    response.json({ total: guests.length, guests: guests.slice(offset, offset + limit) });
  });
  app.get('/readings', async (_request, response) => {
    const { hosts, guests } = await cloud.readings({ hosts: [], guests: [], periodMs: 0 });
    const list = (map: typeof hosts) => [...map].map(([id, metrics]) => ({ id, metrics }));
    response.json({ hosts: list(hosts), guests: list(guests) });
  });
  app.post('/migrations', async (request, response) => {
    const { guest, target } = request.body as { guest: string; target: string };
    response.json(await cloud.startMigration({ ...about(guest), target: { id: target, name: target } }));
  });
  app
    .route('/guests/:id/migration')
    .get(
      async (request, response) => void response.json(await cloud.migrationState(about(request.params.id), undefined)),
    )
    .delete(async (request, response) => {
      await cloud.cancelMigration?.(about(request.params.id), undefined);
      response.json({});
    });
  app.post('/guests/:id/sync', async (request, response) => {
    await cloud.afterFailure?.(about(request.params.id));
    response.json({});
  });

  return listenOnLoopback(app);
}
