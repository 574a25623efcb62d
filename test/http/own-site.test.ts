import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { rawFixture } from '../alerts/fixtures.js';
import { world } from './world.js';

const FIRING = rawFixture('alertmanager-firing-v0.34');
const site = { names: ['automigrate'], publicUrl: 'https://moves.example.com' };
const warnings = (log: Record<string, unknown>[]) => log.filter(({ level }) => level === 40);

describe('the Host of a request', () => {
  test.each([
    'localhost',
    'localhost:9095',
    'LOCALHOST.',
    'x.localhost',
    '127.0.0.1:9095',
    '127.8.9.1',
    '[::1]:9095',
    '10.1.2.3:9095',
    '[fd00::1]',
    'automigrate:9095',
    'Automigrate',
    'moves.example.com',
    'moves.example.com:443',
  ])('%s is ours: loopback, an address, a name that was told', async (host) => {
    await world({ site }).http.get('/api/batch').set('Host', host).expect(200);
  });

  test.each([
    'evil.example',
    'localhost.evil.example',
    'automigrate.evil.example',
    '127.0.0.1.evil.example',
    'localhost@evil.example',
    'evil.example#localhost',
    'a b',
    ':',
    '',
  ])('"%s" is not: 421, before anything is read or done', async (host) => {
    const { http, backend } = world({ site });
    const { body } = await http.get('/api/fleet').set('Host', host).expect(421);
    expect(body).toMatchObject({ error: 'misdirected' });
    await http.get('/').set('Host', host).expect(421);
    await http.get('/metrics').set('Host', host).expect(421);
    await http.post('/webhooks/alertmanager').set('Host', host).type('json').send(FIRING).expect(421);
    await http.post('/api/plans/p/approve').set('Host', host).send({}).expect(421);
    expect([backend.received, backend.did]).toEqual([[], []]);
  });

  test('is looked at where secrets protect too, and the log names it and the remedy once', async () => {
    const { http, log } = world({ secrets: { webhookTokens: ['t'] } });
    for (let time = 0; time < 3; time += 1) {
      await http
        .post('/webhooks/alertmanager')
        .set({ Host: 'automigrate:9095', Authorization: 'Bearer t' })
        .type('json')
        .send(FIRING)
        .expect(421);
    }
    const told = warnings(log).filter(({ host }) => host === 'automigrate:9095');
    expect(told).toEqual([expect.objectContaining({ msg: expect.stringContaining('ALLOWED_HOSTS') as string })]);
  });

  test.each(['/healthz', '/readyz'])('does not matter to whoever asks %s', async (path) => {
    await world().http.get(path).set('Host', 'balancer.example').expect(200);
  });
});

describe('a write by a page', () => {
  const writes = ['/webhooks/alertmanager', '/webhooks/grafana', '/webhooks/monitor', '/api/plans/p1/approve'];
  const bodyOf = (path: string) => (path.startsWith('/api') ? {} : FIRING);
  const write = (path: string, headers: Record<string, string>) => {
    const app = world({ site });
    return {
      ...app,
      sent: app.http
        .post(path)
        .set({ Host: '127.0.0.1:9095', ...headers })
        .type('json')
        .send(bodyOf(path)),
    };
  };

  test.each([
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { 'Sec-Fetch-Site': 'made-up' },
    { Origin: 'http://evil.example' },
    { Origin: 'http://127.0.0.1:3000' },
    { Origin: 'null' },
    { Origin: 'https://127.0.0.1' },
    { Origin: 'http://moves.example.com' },
    { Origin: 'http://127.0.0.1:9095', 'Sec-Fetch-Site': 'cross-site' },
  ])('of another site is refused: %j', async (headers) => {
    for (const path of writes) {
      const { sent, backend } = write(path, headers);
      expect((await sent.expect(403)).body).toMatchObject({ error: 'cross_site' });
      expect([backend.received, backend.did]).toEqual([[], []]);
    }
  });

  test.each([
    {},
    { 'Sec-Fetch-Site': 'same-origin' },
    { 'Sec-Fetch-Site': 'none' },
    { Origin: 'http://127.0.0.1:9095' },
    { Origin: 'https://moves.example.com' },
    { Origin: 'https://automigrate', Host: 'automigrate:443' },
  ])('of our own page, or of no browser, is let through: %j', async (headers) => {
    for (const path of [writes[0]!, writes[3]!]) await write(path, headers as Record<string, string>).sent.expect(202);
  });

  test('a foreign page may read what is open; the browser keeps the answer from it', async () => {
    const response = await world().http.get('/openapi.json').set('Origin', 'http://evil.example').expect(200);
    expect(response.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('Strict-Transport-Security', () => {
  test('is not said, for Grafana or Alertmanager may stand under the same name', async () => {
    expect((await world().http.get('/')).headers).not.toHaveProperty('strict-transport-security');
  });

  test('is said where the operator asks for it, of this name alone', async () => {
    const { headers } = await world({ hsts: 86_400 }).http.get('/');
    expect(headers['strict-transport-security']).toBe('max-age=86400');
  });
});

/** The status of an answer to a request that no client library would make. */
async function statusOfRaw(head: string): Promise<number> {
  const server = world({ site }).app.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk)));
  socket.write(`${head}\r\nConnection: close\r\n\r\n`);
  await once(socket, 'close');
  return Number(answer.split(' ')[1]);
}

describe('a Host that is told twice', () => {
  test.each([
    ['in two headers', 'GET /api/batch HTTP/1.1\r\nHost: localhost\r\nhost: evil.example', 400],
    [
      'in a target that is a whole URL, which counts',
      'GET http://evil.example/api/batch HTTP/1.1\r\nHost: localhost',
      421,
    ],
    ['in a target of our own', 'GET http://localhost:9095/api/batch HTTP/1.1\r\nHost: localhost', 200],
  ])('%s', async (_how, head, status) => {
    expect(await statusOfRaw(head)).toBe(status);
  });
});
