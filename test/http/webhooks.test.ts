import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { SENDERS } from '../../src/alerts/alert.js';
import type { WebhookAnswer } from '../../src/intake/answer.js';
import { rawFixture } from '../alerts/fixtures.js';
import { accepted, world } from './world.js';

const FIRING = {
  alertmanager: 'alertmanager-firing-v0.34',
  grafana: 'grafana-unified-firing',
  monitor: 'cloudpods-firing-zh',
};

const post = (sender: string, body: string, type = 'application/json', app = world()) =>
  app.http.post(`/webhooks/${sender}`).set('Content-Type', type).send(body);

describe('what senders sent reaches the backend as alerts', () => {
  test.each([
    ['alertmanager', 'alertmanager-firing-v0.34', ['firing', 'firing']],
    ['alertmanager', 'alertmanager-resolved-v0.27', ['resolved']],
    ['alertmanager', 'alertmanager-v0.25-by-alertname-firing-several', ['firing', 'firing']],
    ['alertmanager', 'alertmanager-v0.25-by-alertname-resolved', ['resolved']],
    ['alertmanager', 'alertmanager-v0.25-by-host-firing-partly-resolved', ['resolved', 'firing', 'firing']],
    ['alertmanager', 'alertmanager-v0.25-by-host-firing-several', ['firing', 'firing', 'firing']],
    ['alertmanager', 'alertmanager-v0.25-by-host-resolved', ['resolved']],
    ['grafana', 'grafana-unified-firing', ['firing']],
    ['grafana', 'grafana-unified-test-button', ['test']],
    ['grafana', 'grafana-legacy-alerting', ['firing']],
    ['monitor', 'cloudpods-firing-zh', ['firing', 'firing']],
    ['monitor', 'cloudpods-recovered-zh', ['resolved']],
    ['monitor', 'cloudpods-robot-verify', ['test']],
  ])('%s: %s', async (sender, name, states) => {
    const app = world();
    const response = await post(sender, rawFixture(name), 'application/json', app);
    expect(response.status).toBe(202);
    expect(app.backend.received.map((alerts) => alerts.map((alert) => alert.state))).toEqual([states]);
    expect(app.backend.received[0]?.every((alert) => alert.sender === sender)).toBe(true);
  });

  test('an empty list too: it is the backend that knows what to say', async () => {
    const app = world();
    await post('alertmanager', '{"alerts":[]}', 'application/json', app).expect(202);
    expect(app.backend.received).toEqual([[]]);
  });

  test("the text under the robot's own key", async () => {
    const app = world({ messageKey: 'text' });
    const body = { Msg: 'constant', text: (JSON.parse(rawFixture('cloudpods-firing-zh')) as { Msg: string }).Msg };
    await post('monitor', JSON.stringify(body), 'application/json', app).expect(202);
    expect(app.backend.received[0]).toHaveLength(2);
  });

  test.each(['application/json; charset=utf-8', 'application/vnd.alert+json', 'Application/JSON; charset="UTF-8"'])(
    'as %s',
    async (type) => {
      await post('alertmanager', rawFixture('alertmanager-firing-v0.34'), type).expect(202);
    },
  );

  test('compressed', async () => {
    const app = world();
    await app.http
      .post('/webhooks/grafana')
      .set('Content-Type', 'application/json')
      .set('Content-Encoding', 'gzip')
      .serialize((body) => body as string)
      .send(gzipSync(rawFixture('grafana-unified-firing')))
      .expect(202);
    expect(app.backend.received[0]?.[0]?.labels.host).toBe('kvm-node-01');
  });
});

describe.each(SENDERS)('the answers to %s', (sender) => {
  const answers: [number, WebhookAnswer][] = [
    [202, accepted],
    [200, { outcome: 'ignored', reason: 'resolved', text: 'nothing fires' }],
    [200, { outcome: 'ignored', reason: 'test', text: 'a test' }],
    [200, { outcome: 'ignored', reason: 'no_rule', text: 'no rule takes it' }],
    [200, { outcome: 'dropped', reason: 'busy', batch: 'b0', text: 'batch b0 runs' }],
    [503, { outcome: 'unavailable', reason: 'shutting_down', text: 'going down' }],
    [503, { outcome: 'unavailable', reason: 'journal', text: 'disk full' }],
  ];
  test.each(answers)('%i %j', async (status, answer) => {
    const app = world();
    app.backend.answer = () => answer;
    const response = await post(sender, rawFixture(FIRING[sender]), 'application/json', app);
    expect(response.status).toBe(status);
    expect(response.body).toEqual(answer);
    expect(await app.count(`automigrate_webhooks_total{sender="${sender}",outcome="${answer.outcome}"}`)).toBe(1);
  });

  test('400 for what is no JSON, with the position', async () => {
    const cases = [
      ['{"alerts":[x]}', 'the body is not JSON: unexpected character at position 11'],
      ['{"alerts":[', 'the body is not JSON: it ends too early at position 11'],
      ['', 'the body is empty'],
    ] as const;
    for (const [body, message] of cases) {
      const response = await post(sender, body).expect(400);
      expect(response.body).toEqual({ error: 'invalid_json', message });
    }
  });

  test('400 for JSON that is no object', async () => {
    for (const body of ['[]', 'null', '7', '"text"']) {
      const response = await post(sender, body).expect(400);
      expect(response.body).toEqual({
        error: 'invalid_body',
        problems: [{ field: 'body', message: 'expected an object' }],
      });
    }
  });

  test('400 for bytes that are no UTF-8, or not what the encoding says', async () => {
    const app = world();
    const raw = (encoding: string, bytes: Buffer) =>
      app.http
        .post(`/webhooks/${sender}`)
        .set('Content-Type', 'application/json')
        .set('Content-Encoding', encoding)
        .serialize((body) => body as string)
        .send(bytes);
    expect((await raw('identity', Buffer.from([0x22, 0xff, 0x22]))).body).toEqual({
      error: 'invalid_json',
      message: 'the body is not UTF-8',
    });
    expect((await raw('gzip', Buffer.from('{}'))).status).toBe(400);
    expect((await raw('snappy', Buffer.from('{}'))).status).toBe(415);
    expect(app.backend.received).toEqual([]);
  });

  test('none to a client that goes before its body is whole; that is no fault of this side', async () => {
    const app = world();
    const server = app.app.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const arrived = once(server, 'request');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(
      `POST /webhooks/${sender} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}`,
    );
    await arrived;
    socket.destroy();
    await vi.waitFor(async () => {
      expect(await app.count(`automigrate_webhooks_total{sender="${sender}",outcome="bad_request"}`)).toBe(1);
    });
    expect(app.backend.received).toEqual([]);
    expect(app.log.filter(({ level }) => level === 50)).toEqual([]);
  });

  test('the same to a body that comes in pieces, with its length or without', async () => {
    const app = world();
    const server = app.app.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const bytes = Buffer.from(rawFixture(FIRING[sender]));
    const half = bytes.length >> 1;
    for (const length of [{ 'Content-Length': bytes.length }, { 'Transfer-Encoding': 'chunked' }]) {
      const asked = request({
        port: (server.address() as AddressInfo).port,
        path: `/webhooks/${sender}`,
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...length },
      });
      const arrived = once(server, 'request') as Promise<[IncomingMessage]>;
      asked.write(bytes.subarray(0, half));
      const [seen] = await arrived;
      await once(seen, 'data');
      asked.end(bytes.subarray(half));
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      expect(response.statusCode).toBe(202);
    }
    expect(app.backend.received[0]?.length).toBeGreaterThan(0);
    expect(app.backend.received[1]).toEqual(app.backend.received[0]);
  });

  test('413 above the limit, also when it only shows after inflating', async () => {
    const app = world({ bodyLimit: 1000 });
    const body = JSON.stringify({ alerts: [], filler: 'x'.repeat(2000) });
    const plain = await post(sender, body, 'application/json', app).expect(413);
    expect(plain.body).toEqual({ error: 'too_large', message: 'the body is too large' });
    await app.http
      .post(`/webhooks/${sender}`)
      .set('Content-Type', 'application/json')
      .set('Content-Encoding', 'gzip')
      .serialize((bytes) => bytes as string)
      .send(gzipSync(body))
      .expect(413);
    expect(await app.count(`automigrate_webhooks_total{sender="${sender}",outcome="too_large"}`)).toBe(2);
  });

  test('413 above 1 MiB if nothing else is said', async () => {
    await post(sender, `{"a":"${'x'.repeat(1024 * 1024)}"}`).expect(413);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonx',
    'application/json; charset=utf-16',
  ])('415 for %s', async (type) => {
    const response = await post(sender, '{}', type).expect(415);
    expect(response.body).toEqual({ error: 'unsupported_media_type', message: 'expected application/json in UTF-8' });
  });

  test('415 without a type', async () => {
    await world().http.post(`/webhooks/${sender}`).expect(415);
  });

  test.each(['get', 'delete', 'patch'] as const)('405 for %s', async (method) => {
    const response = await world().http[method](`/webhooks/${sender}`).expect(405);
    expect(response.headers.allow).toBe(sender === 'grafana' ? 'POST, PUT' : 'POST');
    expect(response.body).toEqual({ error: 'method_not_allowed', message: 'this method has no meaning here' });
  });

  test('PUT is as good as POST where a contact point may be set to it, that is in Grafana', async () => {
    const app = world();
    await app.http
      .put(`/webhooks/${sender}`)
      .set('Content-Type', 'application/json')
      .send(rawFixture(FIRING[sender]))
      .expect(sender === 'grafana' ? 202 : 405);
    expect(app.backend.received).toHaveLength(sender === 'grafana' ? 1 : 0);
  });

  test('500 without a word about the cause, which is in the log', async () => {
    const app = world();
    app.backend.answer = () => {
      throw new Error('the inner secret');
    };
    const response = await post(sender, rawFixture(FIRING[sender]), 'application/json', app).expect(500);
    expect(response.text).toBe('{"error":"internal","message":"something went wrong; the log says what"}');
    expect(JSON.stringify(app.log)).toContain('the inner secret');
  });
});

describe('faulty fields are named', () => {
  const problems = async (sender: string, body: unknown): Promise<string[]> => {
    const app = world();
    const response = await post(sender, JSON.stringify(body), 'application/json', app).expect(400);
    expect(response.body).toMatchObject({ error: 'invalid_body' });
    expect(app.backend.received).toEqual([]);
    const found = (response.body as { problems: { field: string; message: string }[] }).problems;
    return found.map((problem) => `${problem.field}: ${problem.message}`);
  };
  const firing = (more: object): object => ({ status: 'firing', ...more });

  test('Alertmanager', async () => {
    expect(await problems('alertmanager', {})).toEqual(['alerts: expected an array of at most 2000']);
    expect(await problems('alertmanager', { alerts: 'x'.repeat(100_000) })).toEqual([
      'alerts: expected an array of at most 2000',
    ]);
    expect(await problems('alertmanager', { alerts: Array(300_000).fill(0) })).toHaveLength(1);
    expect(await problems('alertmanager', { alerts: [firing({}), 7] })).toEqual(['alerts[1]: expected an object']);
    expect(
      await problems('alertmanager', {
        alerts: [firing({}), { labels: 'x', status: 'on' }, firing({ startsAt: 7, fingerprint: [] })],
      }),
    ).toEqual([
      'alerts[1].status: expected "firing" or "resolved"',
      'alerts[1].labels: expected an object',
      'alerts[2].startsAt: expected a string',
      'alerts[2].fingerprint: expected a string',
    ]);
  });

  test('at most 20 at once', async () => {
    expect(await problems('alertmanager', { alerts: Array(1000).fill(0) })).toHaveLength(20);
  });

  test('Grafana, both layouts', async () => {
    expect(await problems('grafana', { state: 'alerting' })).toEqual(['alerts: expected an array of at most 2000']);
    expect(await problems('grafana', { ruleName: '', state: 'x', tags: [], evalMatches: {} })).toEqual([
      'ruleName: expected a string',
      'state: expected one of alerting, ok, no_data, paused, pending',
      'tags: expected an object',
      'evalMatches: expected an array of at most 2000',
    ]);
    expect(await problems('grafana', { ruleName: 'a', state: 'ok', evalMatches: [null] })).toEqual([
      'evalMatches[0]: expected an object',
    ]);
    expect(await problems('grafana', { ruleName: 'a', state: 'ok', evalMatches: [{ tags: 'x' }] })).toEqual([
      'evalMatches[0].tags: expected an object',
    ]);
  });

  test('the monitor service, text and structure', async () => {
    expect(await problems('monitor', { Msg: 7 })).toEqual(['Msg: expected a string']);
    expect(await problems('monitor', { Msg: 'hello' })).toEqual(["Msg: expected the monitor service's alert text"]);
    expect(await problems('monitor', { name: 'a', matches: [{ tags: 1 }] })).toEqual([
      'matches[0].tags: expected an object',
    ]);
  });

  test('null values and unknown fields are no fault', async () => {
    const app = world();
    const alert = { status: 'firing', labels: null, startsAt: null, fingerprint: null, values: null, later: { x: 1 } };
    for (const sender of ['alertmanager', 'grafana']) {
      await post(sender, JSON.stringify({ alerts: [alert], newer: true }), 'application/json', app).expect(202);
    }
    await post(
      'grafana',
      '{"ruleName":"a","state":"ok","evalMatches":null,"tags":null}',
      'application/json',
      app,
    ).expect(202);
    expect(app.backend.received).toHaveLength(3);
  });
});

test.each(['alertmanager', 'grafana'] as const)('alerts that %s has left out are told of', async (sender) => {
  const app = world();
  app.backend.answer = () => ({ ...accepted, truncated: 7 });
  const body = JSON.stringify({ ...(JSON.parse(rawFixture(FIRING[sender])) as object), truncatedAlerts: 7 });
  const response = await post(sender, body, 'application/json', app).expect(202);
  expect(app.backend.truncated).toEqual([7]);
  expect(response.body).toMatchObject({ truncated: 7 });
  expect(app.log.at(-1)).toMatchObject({ truncated: 7 });
});

describe('event subscriptions of the cloud', () => {
  const ignored = { outcome: 'ignored', reason: 'cloud_event', text: 'this is an event of the cloud, not an alert' };

  test('are no alerts, told by header or keys', async () => {
    const app = world();
    const text = rawFixture('cloudpods-firing-zh');
    const byHeader = await app.http
      .post('/webhooks/monitor')
      .set('Content-Type', 'application/json')
      .set('X-Yunion-Event', 'SERVER/MIGRATE/FAILED')
      .send(text)
      .expect(200);
    const event = { ...(JSON.parse(text) as object), action: 'migrate', resource_type: 'server', result: 'failed' };
    const byKeys = await post('monitor', JSON.stringify(event), 'application/json', app).expect(200);
    expect([byHeader.body, byKeys.body]).toEqual([ignored, ignored]);
    expect(app.backend.received).toEqual([]);
  });
});

test('unknown senders and paths are 404', async () => {
  for (const path of ['/webhooks', '/webhooks/nagios', '/nowhere', '/api/nowhere']) {
    const response = await world().http.post(path).expect(404);
    expect(response.body).toEqual({ error: 'not_found', message: 'there is nothing here' });
  }
  await world().http.get('/%E0%A4%A').expect(404);
});
