import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { ReplayMemory } from '../../src/http/replays.js';
import { fixture, rawFixture } from '../alerts/fixtures.js';
import { NOW, accepted, world } from './world.js';

const MINUTE = 60_000;
const BODY = rawFixture('cloudpods-firing-zh');

function signedWorld() {
  let now = NOW;
  const app = world({
    secrets: { monitor: ['key'], webhookTokens: ['token'] },
    clock: { now: () => now, sleep: () => Promise.resolve() },
  });
  return {
    ...app,
    pass: (ms: number) => (now += ms),
    send: (body = BODY) =>
      app.http
        .post('/webhooks/monitor')
        .set('X-Auth-Token', createHmac('sha256', 'key').update(body).digest('hex'))
        .type('json')
        .send(body),
  };
}

test('a signed body of the monitor service is taken once a day', async () => {
  const { send, pass, backend } = signedWorld();
  await send().expect(202);
  pass(MINUTE);
  expect((await send().expect(409)).body).toMatchObject({ error: 'replayed' });
  pass(23 * 60 * MINUTE);
  await send().expect(409);
  expect(backend.received).toHaveLength(1);
  pass(60 * MINUTE);
  await send().expect(202);
});

test('a body that arrives twice at once is one delivery, which the receiver tells by its alerts', async () => {
  const { send, pass } = signedWorld();
  await send().expect(202);
  pass(5000);
  await send().expect(202);
});

test('a body that was not taken may come again', async () => {
  const { send, pass, backend } = signedWorld();
  backend.answer = () => ({ outcome: 'unavailable', reason: 'journal', text: 't' });
  await send().expect(503);
  backend.answer = () => accepted;
  pass(MINUTE);
  await send().expect(202);
});

test('a text without a time is not known again: the next alert may read the same', async () => {
  const { send, pass } = signedWorld();
  const { Msg } = fixture('cloudpods-firing-zh') as { Msg: string };
  const timeless = JSON.stringify({
    Msg: Msg.split('\n')
      .filter((line) => !line.includes('触发时间'))
      .join('\n'),
  });
  expect(timeless).not.toBe(JSON.stringify({ Msg }));
  for (let time = 0; time < 2; time += 1) {
    await send(timeless).expect(202);
    pass(MINUTE);
  }
  const verification = rawFixture('cloudpods-robot-verify');
  await send(verification).expect(202);
  pass(MINUTE);
  await send(verification).expect(202);
});

test('whoever has a token needs no old body: those are not remembered', async () => {
  const { http, pass } = signedWorld();
  for (let time = 0; time < 2; time += 1) {
    await http.post('/webhooks/monitor').set('Authorization', 'Bearer token').type('json').send(BODY).expect(202);
    pass(MINUTE);
  }
});

test('what is remembered is bounded: the oldest go first', () => {
  const memory = new ReplayMemory();
  for (let at = 0; at <= 10_000; at += 1) memory.remember(`body ${at}`, NOW);
  expect(memory.isReplay('body 0', NOW + MINUTE)).toBe(false);
  expect(memory.isReplay('body 1', NOW + MINUTE)).toBe(true);
  expect(memory.isReplay('body 10000', NOW + MINUTE)).toBe(true);
});
