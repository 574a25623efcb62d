import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { start } from '../support/started.js';
import { receiver } from '../notices/support.js';

const alert = { alerts: [{ status: 'firing', labels: { alertname: 'test-cpu', host: 'a' } }] };
/** Guest g does not arrive wherever it goes. */
const failing = () =>
  scenario(fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60, { vmem_size: 1 })]), { fail: ['g'] });

describe('a receiver with NOTIFY_URL', () => {
  it('tells of a move that failed, signed, with a link to its batch', async () => {
    const told = await receiver();
    const secret = 'a secret of sixteen';
    const env = { NOTIFY_URL: told.url, NOTIFY_SECRET: secret, PUBLIC_URL: 'https://automigrate.example.com' };
    const { post, url } = await start(env, undefined, undefined, failing());
    const { batch } = (await (await post('alertmanager', alert)).json()) as { batch: string };
    await expect
      .poll(() => told.requests.map(({ body }) => (body as { action: string }).action))
      .toContain('migrate_fail');
    const { headers, text, body } = told.requests.find(({ text: sent }) => sent.includes('migrate_fail'))!;
    expect(body).toMatchObject({
      rule: 'test-cpu',
      batch,
      text: expect.stringMatching(/^guest g \(.*\) did not move from a to b: /),
      link: `https://automigrate.example.com/?batch=${batch}`,
    });
    const signed = `${String(headers['x-automigrate-timestamp'])}.${text}`;
    const expected = createHmac('sha256', secret).update(signed).digest('hex');
    expect(headers['x-automigrate-signature']).toBe(`sha256=${expected}`);
    await expect
      .poll(async () => (await fetch(`${url}/metrics`)).text())
      .toMatch(/^automigrate_notices_total\{target="1-json",result="sent"\} [1-9]/m);
  });

  it('answers, moves and stops as ever where nobody takes the notices', async () => {
    const told = await receiver();
    told.fault = () => 'silent';
    const {
      post,
      receiver: running,
      log,
    } = await start({ NOTIFY_URL: `${told.url}/S3CRET` }, undefined, undefined, failing());
    expect((await post('alertmanager', alert)).status).toBe(202);
    await running.service.idle();
    await expect.poll(() => told.requests.length).toBeGreaterThan(0);
    await running.stop();
    expect(log.join('')).toContain('notices are left for the next start');
    expect(log.join('')).not.toContain('S3CRET');
  });
});
