import { Router } from 'express';
import type { Registry } from 'prom-client';
import { onlyMethods } from './errors.js';
import type { Backend } from './ports.js';

/** What is open to everybody and holds no secret: is it alive, can it work, what has it counted. */
export function healthRoutes(backend: Pick<Backend, 'readiness' | 'operator' | 'metrics'>, registry: Registry): Router {
  const router = Router();
  const readOnly = onlyMethods('GET, HEAD');

  router
    .route('/healthz')
    .get((_request, response) => {
      response.json({ status: 'alive' });
    })
    .all(readOnly);

  router
    .route('/readyz')
    .get(async (_request, response) => {
      const problems = await backend.readiness();
      // Paused is a person's will, not a fault: whoever restarts what is not ready must let it be.
      const status = backend.operator.status().paused ? 'paused' : 'ready';
      if (problems.length === 0) response.json({ status });
      else response.status(503).json({ status: 'not_ready', problems });
    })
    .all(readOnly);

  router
    .route('/metrics')
    .get(async (_request, response) => {
      const text = await backend.metrics();
      response.set('Content-Type', registry.contentType).send(text);
    })
    .all(readOnly);

  return router;
}
