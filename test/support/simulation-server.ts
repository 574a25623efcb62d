import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import express from 'express';
import type { GuestRecord, MigrationRequest } from '../../src/fleet/fleet.js';
import type { SimulatedCloud } from '../../src/fleet/clouds/simulated.js';

/** A simulated cloud that others reach over HTTP. */
export interface SimulationServer {
  url: string;
  close(): Promise<void>;
}

/** Serves a simulated cloud as `src/fleet/clouds/remote-simulation.ts` asks for it, on a free port of loopback. */
export async function serveSimulation(cloud: SimulatedCloud): Promise<SimulationServer> {
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

  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
