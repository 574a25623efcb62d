import { expect, test } from 'vitest';
import { world } from './world.js';

const secrets = { apiTokens: ['alice:alice-secret-0123', 'nameless-secret-0123'] };
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

test.each([
  ['the name of the token', 'Bearer alice-secret-0123', 'alice'],
  ['the name of the token, not of the user that a client gives', basic('bob:alice-secret-0123'), 'alice'],
  ['api where the token has no name', 'Bearer nameless-secret-0123', 'api'],
])('who does something is %s', async (_what, authorization, user) => {
  const { http, backend } = world({ secrets });
  await http.post('/api/resume').set('Authorization', authorization).send({}).expect(200);
  expect(backend.did).toEqual([['resume', user]]);
});

test('who has no token does nothing, whatever name is given', async () => {
  const { http, backend } = world({ secrets });
  for (const token of ['alice', 'alice:', 'alice-secret', 'bob:alice-secret-0123']) {
    await http.post('/api/resume').set('Authorization', `Bearer ${token}`).send({}).expect(401);
  }
  expect(backend.did).toEqual([]);
});
