import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { approveCommand } from '../../src/cli/approve.js';
import type { ApprovalAnswer } from '../../src/intake/views.js';
import { approvedAs, world } from '../http/world.js';
import { run } from './run.js';

/** The receiver's own HTTP surface on a port of its own. */
async function listening(answer?: ApprovalAnswer) {
  const app = world({ secrets: { apiTokens: ['secret', 'older'] } });
  if (answer) app.backend.approval = () => answer;
  const server = createServer(app.app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { ...app, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const approve = (args: string, env: Record<string, string> = {}) =>
  run(`approve ${args}`, { env, handlers: { commands: [(context) => approveCommand(context)] } });

describe('automigrate approve', () => {
  it('has the receiver carry the plan out', async () => {
    const { url, backend } = await listening();
    const { out, status } = await approve('plan-1', { AUTOMIGRATE_URL: url, API_TOKEN: 'secret, other' });
    expect([out, status]).toEqual(['plan plan-1 is carried out as batch b1\n', 0]);
    expect(backend.did).toEqual([['approve', 'plan-1', { when: 'now' }, 'api']]);
  });

  it('sends a token without the name of who has it', async () => {
    const { url } = await listening();
    expect((await approve('plan-1', { AUTOMIGRATE_URL: url, API_TOKEN: 'alice:secret' })).status).toBe(0);
  });

  it('says which moves are no longer needed', async () => {
    const { url } = await listening({
      ...approvedAs('b'),
      no_longer_needed: ['web-1'],
    } as ApprovalAnswer);
    const { out } = await approve(`p --url ${url}`, { API_TOKEN: 'secret' });
    expect(out).toContain('web-1 stays: its move is no longer needed');
  });

  it('says what has changed, and ends with 3', async () => {
    const { url } = await listening({ outcome: 'refused', reason: 'changed', reasons: ['guest g is on host c now'] });
    const { out, status } = await approve(`p --url ${url}`, { API_TOKEN: 'secret' });
    expect([out, status]).toEqual(['plan p is not carried out (changed):\n  guest g is on host c now\n', 3]);
    const json = await approve(`p --json --url ${url}`, { API_TOKEN: 'secret' });
    expect([JSON.parse(json.out), json.status]).toEqual([
      { outcome: 'refused', reason: 'changed', reasons: ['guest g is on host c now'] },
      3,
    ]);
  });

  it('ends with 2 for an unknown plan, a wrong token and a wrong address', async () => {
    const { url, backend } = await listening({ outcome: 'unknown' });
    expect(await approve(`p --url ${url}`, { API_TOKEN: 'secret' })).toMatchObject({
      status: 2,
      err: `${url}: there is no plan "p"\n`,
    });
    expect(await approve(`p --url ${url}`, { API_TOKEN: 'wrong' })).toMatchObject({
      status: 2,
      err: `${url}: the token is not valid; API_TOKEN or API_TOKEN_FILE holds it\n`,
    });
    expect(backend.did).toEqual([['approve', 'p', { when: 'now' }, 'api']]);
    expect(await approve('p --url ftp://x')).toMatchObject({
      status: 2,
      err: expect.stringMatching(/^--url: expected/),
    });
    expect(await approve('p', { AUTOMIGRATE_URL: 'x' })).toMatchObject({
      status: 2,
      err: expect.stringMatching(/^AUTOMIGRATE_URL: expected an http or https URL, got "x"/),
    });
    expect(await approve(`.. --url ${url}`)).toMatchObject({ status: 2 });
  });

  it('says so where no receiver answers', async () => {
    const { status, err } = await approve('p --url http://127.0.0.1:1');
    expect(status).toBe(1);
    expect(err).toBe(
      'automigrate: no receiver answers at http://127.0.0.1:1 (ECONNREFUSED); is that what --url should say?\n',
    );
  });
});
