import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SENDERS } from '../../src/alerts/alert.js';
import type { Sender } from '../../src/alerts/alert.js';
import { fixture } from '../alerts/fixtures.js';
import { accepted, world } from './world.js';

const REAL: Record<Sender, string[]> = {
  alertmanager: ['alertmanager-firing-v0.34'],
  grafana: ['grafana-unified-firing', 'grafana-legacy-alerting'],
  monitor: ['cloudpods-firing-zh'],
};

/** A real body with one of its own fields replaced by any JSON. */
function mutated(sender: Sender): fc.Arbitrary<unknown> {
  return fc.constantFrom(...REAL[sender]).chain((name) => {
    const body = fixture(name);
    return fc
      .tuple(fc.constantFrom(...Object.keys(body)), fc.jsonValue())
      .map(([field, value]) => ({ ...body, [field]: value }));
  });
}

describe.each(SENDERS)('%s', (sender) => {
  const app = world();
  app.backend.answer = () => accepted;
  const answersOf = async (body: string): Promise<void> => {
    const response = await app.http.post(`/webhooks/${sender}`).set('Content-Type', 'application/json').send(body);
    const { problems } = response.body as { problems?: { field: string; message: string }[] };
    expect([200, 202, 400]).toContain(response.status);
    expect(response.text).not.toMatch(/node_modules|\.[jt]s:\d/);
    for (const problem of problems ?? [])
      expect(problem).toEqual({
        field: expect.stringMatching(/./) as string,
        message: expect.stringMatching(/./) as string,
      });
  };

  test('any JSON is taken or refused by name, never with a 5xx', async () => {
    await fc.assert(fc.asyncProperty(fc.json(), answersOf), { numRuns: 150 });
  });

  test('so is a real body with anything in the place of a field', async () => {
    await fc.assert(
      fc.asyncProperty(mutated(sender), (body) => answersOf(JSON.stringify(body))),
      { numRuns: 150 },
    );
  });

  test('so is any text', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), answersOf), { numRuns: 100 });
  });

  test('so are bodies as deep and as long as the limit lets through', async () => {
    const size = 500_000;
    for (const body of [
      '['.repeat(size),
      '{"alerts":['.repeat(size / 11),
      `{"alerts":${'['.repeat(size)}${']'.repeat(size)}}`,
      `{"alerts":[{"status":"firing","labels":${'{"a":'.repeat(size / 10)}1${'}'.repeat(size / 10)}}]}`,
      `{"evalMatches":[${'{},'.repeat(size / 4)}{}],"ruleName":"a","state":"ok"}`,
      `{"alerts":[${'{},'.repeat(1999)}{}]}`,
      `{"Msg":"${'-'.repeat(size)}"}`,
      `{${Array.from({ length: 50_000 }, (_, index) => `"${index}":"AlertName:"`).join(',')}}`,
      '{"__proto__":{"alerts":[]},"constructor":{"prototype":{"polluted":1}}}',
    ]) {
      await answersOf(body);
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
