import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { AppOptions } from '../../src/http/app.js';
import type { EventFilter } from '../../src/journal/journal.js';
import type { EventWithText } from '../../src/journal/events.js';
import { listenOnLoopback } from '../support/loopback.js';
import { NOW, world } from './world.js';

const event = (id: number): EventWithText => ({
  id,
  ops_time: '2026-11-21T05:05:00Z',
  obj_id: 'test-cpu',
  obj_type: 'migrationalert',
  obj_name: 'test-cpu',
  user: 'grafana',
  tenant: 'system',
  action: 'dropped',
  notes: 'n',
  text: 'n',
});

/** Somebody who follows, and what has come so far. */
async function follow(url: string, headers: Record<string, string> = {}) {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const response = await fetch(`${url}/api/stream`, { headers, signal: gone.signal });
  const follower = { status: response.status, response, text: '', isOver: false, leave: () => gone.abort() };
  const read = async () => {
    for await (const part of response.body ?? []) follower.text += Buffer.from(part as Uint8Array).toString();
  };
  read()
    .catch(() => undefined)
    .finally(() => (follower.isOver = true));
  const has = (text: string) => vi.waitFor(() => expect(follower.text).toContain(text));
  const ids = () => [...follower.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  return Object.assign(follower, { has, ids });
}

/** The surface on a port, with a journal that grows as it is told. */
async function streaming(more: Partial<Omit<AppOptions, 'secrets'>> & { secrets?: { apiTokens: string[] } } = {}) {
  const limits = { pollMs: 5, heartbeatMs: 60_000, ...more.streamLimits };
  const clock = { now: () => NOW, sleep: (ms: number, signal?: AbortSignal) => delay(ms, undefined, { signal }) };
  const app = world({ clock, ...more, streamLimits: limits });
  let asked = 0;
  app.backend.events = (filter: EventFilter) => {
    asked += 1;
    const { after = 0, limit = 100 } = filter;
    const fit = app.backend.recorded.filter(({ id }) => id > after);
    return Promise.resolve(filter.after === undefined ? fit.slice(-limit) : fit.slice(0, limit));
  };
  const server = await listenOnLoopback(app.app);
  onTestFinished(() => server.close());
  return { ...app, url: server.url, asked: () => asked };
}

describe('GET /api/stream', () => {
  test('tells how it stands, at once and when that changes', async () => {
    const { url, backend, http } = await streaming();
    const follower = await follow(url);
    const { text } = await http.get('/api/status');
    await follower.has(`event: status\ndata: ${text}\n\n`);
    backend.standing = { ...backend.standing, plans_waiting: 7 };
    await follower.has('"plans_waiting":7');
    expect(follower.text.match(/event: status/g)).toHaveLength(2);
    expect(follower.response.headers.get('content-type')).toContain('text/event-stream');
    expect(follower.response.headers.get('cache-control')).toBe('no-store');
  });

  test('tells each event once, from now on', async () => {
    const { url, backend } = await streaming();
    backend.recorded = [event(1), event(2)];
    const follower = await follow(url);
    await follower.has('event: status');
    // Nothing more of the past comes once the journal has been looked at.
    backend.standing = { ...backend.standing, plans_waiting: 7 };
    await follower.has('"plans_waiting":7');
    backend.recorded = [...backend.recorded, event(3), event(4)];
    await follower.has(`id: 4\nevent: journal\ndata: ${JSON.stringify(event(4))}\n\n`);
    expect(follower.ids()).toEqual([3, 4]);
  });

  test('goes on where a connection broke', async () => {
    const { url, backend } = await streaming();
    backend.recorded = [event(1), event(2), event(3)];
    const follower = await follow(url, { 'Last-Event-ID': '1' });
    await follower.has('id: 3');
    expect(follower.ids()).toEqual([2, 3]);
  });

  test.each([
    ['too much was missed', '1'],
    ['the journal is another', '900'],
  ])('says so where %s', async (_what, seen) => {
    const { url, backend } = await streaming({ streamLimits: { missed: 3 } });
    backend.recorded = [1, 2, 3, 4, 5, 6].map(event);
    const follower = await follow(url, { 'Last-Event-ID': seen });
    await follower.has('id: 6\nevent: reset');
    backend.recorded = [...backend.recorded, event(7)];
    await follower.has('id: 7');
    expect(follower.ids()).toEqual([6, 7]);
  });

  test('looks once for all who follow, and not at all for none', async () => {
    const { url, backend, asked } = await streaming({ streamLimits: { pollMs: 20 } });
    const followers = await Promise.all(Array.from({ length: 20 }, () => follow(url)));
    backend.recorded = [event(1)];
    const before = asked();
    for (const follower of followers) await follower.has('id: 1');
    expect(asked() - before).toBeLessThan(20);
    for (const follower of followers) follower.leave();
    await vi.waitFor(async () => {
      const was = asked();
      await delay(60);
      expect(asked()).toBe(was);
    });
  });

  test('a comment tells that it lives', async () => {
    const follower = await follow((await streaming({ streamLimits: { heartbeatMs: 0 } })).url);
    await follower.has(': alive\n\n');
  });

  test('only with a token', async () => {
    const { url } = await streaming({ secrets: { apiTokens: ['right-token'] } });
    expect((await follow(url, { Authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await follow(url, { Authorization: 'Bearer right-token' })).status).toBe(200);
  });

  test('so many may follow, and whoever leaves makes room', async () => {
    const { url } = await streaming({ streamLimits: { clients: 1 } });
    const first = await follow(url);
    const second = await follow(url);
    expect(second.status).toBe(503);
    expect(second.response.headers.get('retry-after')).toBe('10');
    first.leave();
    await vi.waitFor(async () => expect((await follow(url)).status).toBe(200));
  });

  test('whoever does not read is let go, and holds up nobody', async () => {
    const { url, backend } = await streaming({ streamLimits: { buffered: 1000 } });
    backend.recorded = [event(1)];
    const lazy = await fetch(`${url}/api/stream`, { headers: { 'Last-Event-ID': '0' } });
    onTestFinished(() => lazy.body?.cancel().catch(() => undefined));
    const reader = await follow(url);
    await reader.has('event: status');
    const big = { ...event(2), text: 'x'.repeat(20_000_000) };
    backend.recorded = [event(1), big];
    // Twenty megabytes wait for both: they come back with the last that they have seen.
    await vi.waitFor(() => expect(reader.isOver).toBe(true));
    const again = await follow(url, { 'Last-Event-ID': '2' });
    backend.recorded = [event(1), big, event(3)];
    await again.has('id: 3');
  });

  test('ends with the service', async () => {
    const ending = new AbortController();
    const { url } = await streaming({ ending: ending.signal });
    const follower = await follow(url);
    ending.abort();
    await vi.waitFor(() => expect(follower.isOver).toBe(true));
  });
});
