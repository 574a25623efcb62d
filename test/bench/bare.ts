import type { AddressInfo } from 'node:net';
import express from 'express';

/** What the storm is compared with: a bare Express route that parses the same body and answers as much. Prints its address. */
const app = express();
app.post('/webhooks/alertmanager', express.json({ limit: '1mb' }), (request, response) => {
  const { alerts } = request.body as { alerts: unknown[] };
  const text = `batch 0123456789ab is running; ${alerts.length} alerts that came are dropped`;
  response.json({ outcome: 'dropped', reason: 'busy', batch: '0123456789ab', text });
});
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => server.close(() => process.exit(0)));
