import type { Server } from 'node:http';
import { Command } from 'commander';
import express from 'express';
import type { ErrorRequestHandler, Express } from 'express';
import { z } from 'zod';
import type { Clock } from '../common/clock.js';
import { errorMessage } from '../common/error-message.js';
import type { GuestRecord, MigrationRequest } from '../fleet/fleet.js';
import type { Scenario } from '../fleet/clouds/scenario.js';
import type { SimulatedCloud } from '../fleet/clouds/simulated.js';
import { createSimulatedCloud } from '../fleet/clouds/simulated.js';
import type { CliContext } from './context.js';
import { EXIT, refuse } from './context.js';

const migration = z.object({ guest: z.string(), target: z.string() });
const usage = z.object({ value: z.number().min(0).max(100) });
const page = z.object({
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).default(1000),
});

/**
 * A simulated fleet over HTTP, as `SIMULATION=http://…` asks for it: hosts, guests, readings, migrations. Beside that `/metrics` tells
 * the readings under Telegraf's names, and `PUT /guests/<id>/cpu {"value": %}` lets a guest use more or less.
 */
export function simulationApp(cloud: SimulatedCloud): Express {
  const app = express().disable('x-powered-by').use(express.json());
  app.get('/hosts', async (_request, response) => {
    response.json({ hosts: (await cloud.inventory()).hosts });
  });
  app.get('/guests', async (request, response) => {
    const { offset, limit } = page.parse(request.query);
    const { guests } = await cloud.inventory();
    response.json({ total: guests.length, guests: guests.slice(offset, offset + limit) });
  });
  app.get('/readings', async (_request, response) => {
    const { hosts, guests } = await readingsNow(cloud);
    const list = (map: typeof hosts) => [...map].map(([id, metrics]) => ({ id, metrics }));
    response.json({ hosts: list(hosts), guests: list(guests) });
  });
  app.get('/metrics', async (_request, response) => {
    response.type('text/plain; version=0.0.4').send(await metricsPage(cloud));
  });
  app.post('/migrations', async (request, response) => {
    const { guest, target } = migration.parse(request.body);
    response.json(await cloud.startMigration({ ...about(guest), target: { id: target, name: target } }));
  });
  app
    .route('/guests/:id/migration')
    .get(async (request, response) => {
      response.json(await cloud.migrationState(about(request.params.id), undefined));
    })
    .delete(async (request, response) => {
      await cloud.cancelMigration?.(about(request.params.id), undefined);
      response.json({});
    });
  app.post('/guests/:id/sync', async (request, response) => {
    await cloud.afterFailure?.(about(request.params.id));
    response.json({});
  });
  app.put('/guests/:id/cpu', (request, response) => {
    cloud.setGuestCpu(request.params.id, usage.parse(request.body).value);
    response.json({});
  });
  app.use(answerFault);
  return app;
}

const answerFault: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) next(error);
  else response.status(error instanceof z.ZodError ? 400 : 500).json({ error: errorMessage(error) });
};

function about(id: string): MigrationRequest {
  const nowhere = { id: '', name: '' };
  return { guest: { id, name: id } as GuestRecord, source: nowhere, target: nowhere };
}

function readingsNow(cloud: SimulatedCloud) {
  return cloud.readings({ hosts: [], guests: [], periodMs: 0 });
}

/** The page that a Prometheus scrapes, as Telegraf writes it. */
async function metricsPage(cloud: SimulatedCloud): Promise<string> {
  const [{ hosts, guests }, inventory] = await Promise.all([readingsNow(cloud), cloud.inventory()]);
  const line = (name: string, labels: Record<string, string>, value: number | undefined): string => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
    return `${name}{${pairs.join(',')}} ${value ?? 'NaN'}`;
  };
  const ofHosts = inventory.hosts.flatMap(({ id, name }) => {
    const readings = hosts.get(id);
    const labels = { host: name, host_id: id, res_type: 'host' };
    return [
      line('cpu_usage_active', { cpu: 'cpu-total', ...labels }, readings?.['cpu.usage_active']?.value),
      line('mem_available', labels, readings?.['mem.available']?.value),
    ];
  });
  const ofGuests = inventory.guests.map(({ id, name, host_id }) =>
    line('vm_cpu_usage_active', { vm_id: id, vm_name: name, host_id }, guests.get(id)?.['cpu.usage_active']?.value),
  );
  return [...ofHosts, ...ofGuests, ''].join('\n');
}

interface SimulateOptions {
  host: string;
  port: string;
  scenario?: string;
}

/**
 * `automigrate simulate`: a fleet to try things on, in a process of its own.
 * @param readScenario - reads a scenario file; undefined: the embedded fleet.
 */
export function simulateCommand(
  context: CliContext,
  clock: Clock,
  readScenario: (path: string | undefined) => Promise<Scenario>,
): Command {
  return new Command('simulate')
    .description('run a simulated fleet for SIMULATION=http://… until it is interrupted')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on', '9096')
    .option('--scenario <file>', 'a snapshot with an optional `simulation` object; the embedded fleet if absent')
    .action(async ({ host, port, scenario }: SimulateOptions) => {
      if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
        refuse(context, [`--port: expected 0 to 65535, got ${JSON.stringify(port)}`]);
        return;
      }
      const cloud = createSimulatedCloud(await readScenario(scenario), clock);
      const server = await listening(simulationApp(cloud), Number(port), host);
      const address = server.address();
      const at = typeof address === 'object' && address !== null ? address.port : port;
      const shown = host.includes(':') ? `[${host}]` : host;
      context.terminal.out(`simulated fleet listening on http://${shown}:${at}\n`);
      await ended(server);
      context.exit(EXIT.ok);
    });
}

function listening(app: Express, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = app.listen(port, host, (error?: Error) => (error ? reject(error) : resolve(server)));
  });
}

function ended(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      server.close(() => resolve());
      server.closeAllConnections();
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  });
}
