import { describe, expect, it, onTestFinished } from 'vitest';
import type { ProxmoxOptions } from '../../support/clouds/proxmox-server.js';
import { startProxmox } from '../../support/clouds/proxmox-server.js';
import { followed, requestTo } from './contract.js';

const set = async (options?: ProxmoxOptions) => {
  const harness = await startProxmox(options);
  onTestFinished(() => harness.close());
  return harness;
};

describe('a move by Proxmox VE', () => {
  it('takes local disks along where the rule allows it', async () => {
    const harness = await set({ preconditions: { local_disks: [{ volid: 'local-lvm:vm-100-disk-0' }] } });
    const request = { ...(await requestTo(harness, 1)), options: { withLocalDisks: true } };
    expect(await harness.cloud.forecast?.(request)).toEqual({ allowed: true });
    await harness.cloud.startMigration(request);
    expect(harness.server.requests.at(-1)?.body).toEqual({ target: 'host-1', online: '1', 'with-local-disks': '1' });
  });

  it('has a limit of bandwidth and its connections where that is set', async () => {
    const harness = await set({ settings: { bwlimitKib: 102_400, withConntrackState: true } });
    await harness.cloud.startMigration(await requestTo(harness, 1));
    expect(harness.server.requests.at(-1)?.body).toEqual({
      target: 'host-1',
      online: '1',
      bwlimit: '102400',
      'with-conntrack-state': '1',
    });
  });

  it('that failed says so in the words of its task', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.troubles.breakNextMove?.();
    const start = await harness.cloud.startMigration(request);
    expect(start).toMatchObject({ handle: expect.stringMatching(/^UPID:host-0:.*:qmigrate:100:/) });
    const { end } = await followed(harness, request, start.accepted ? start.handle : undefined);
    expect(end).toMatchObject({ phase: 'failed', reason: 'migration aborted', hostId: 'node/host-0' });
  });

  it.each([
    [
      { status: 500, statusText: 'VM is locked (backup)', body: { data: null, message: 'VM is locked (backup)\n' } },
      'VM is locked (backup)',
    ],
    [
      {
        status: 400,
        statusText: 'Parameter verification failed.',
        body: {
          data: null,
          errors: { target: 'invalid format - value does not look like a valid node name\n' },
          message: 'Parameter verification failed.\n',
        },
      },
      'HTTP 400: Parameter verification failed. (target: invalid format - value does not look like a valid node name)',
    ],
    [
      { status: 403, body: { data: null, message: 'Permission check failed (/vms/100, VM.Migrate)\n' } },
      'HTTP 403: Permission check failed (/vms/100, VM.Migrate)',
    ],
  ])('is refused at once, in the words of the answer: %j', async (answer, reason) => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    harness.server.fault = ({ method }) => (method === 'POST' ? answer : undefined);
    expect(await harness.cloud.startMigration(request)).toEqual({ accepted: false, reason });
    expect(harness.server.requests.filter((it) => harness.isMigrationRequest(it))).toHaveLength(1);
  });

  it.each([
    [595, 'No route to host'],
    [596, 'Connection timed out'],
    [599, 'Too many redirections'],
    [500, 'proxy is out of order'],
  ])(
    'whose answer is HTTP %i without words of Proxmox VE may have begun: it is not asked for again',
    async (status, statusText) => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      harness.server.fault = ({ method }) => (method === 'POST' ? { status, statusText, body: '' } : undefined);
      await expect(harness.cloud.startMigration(request)).rejects.toThrow(`HTTP ${status} ${statusText}`);
      expect(harness.server.requests.filter((it) => harness.isMigrationRequest(it))).toHaveLength(1);
    },
  );
});

describe('a move by the HA manager', () => {
  const begun = async (options: ProxmoxOptions) => {
    const harness = await set({ underHa: true, ...options });
    const request = await requestTo(harness, 1);
    const start = await harness.cloud.startMigration(request);
    if (!start.accepted) throw new Error(start.reason);
    expect(start.handle).toMatch(/:hamigrate:100:/);
    return { harness, request, handle: start.handle };
  };

  it('is on its way from the request to the arrival, whatever the task and the HA state say', async () => {
    const { harness, request, handle } = await begun({});
    const { end, before } = await followed(harness, request, handle);
    expect(before.map(({ phase }) => phase)).toEqual(before.map(() => 'moving'));
    expect(new Set(before.map((state) => ('status' in state ? state.status : '')))).toEqual(
      new Set(['running', 'asked of the HA manager', 'migrate']),
    );
    expect(end).toEqual({ phase: 'settled', status: 'running', hostId: 'node/host-1' });
    expect(harness.clock.monotonic()).toBeGreaterThanOrEqual(60_000);
  });

  it('is on its way for a process that knows no more than its handle', async () => {
    const { harness, request, handle } = await begun({});
    harness.clock.advance(5000);
    const other = harness.connect(harness.server.url, { timeoutMs: 30_000, clock: harness.clock, random: () => 0.5 });
    expect(await other.migrationState(request, handle)).toEqual({ phase: 'moving', status: 'asked of the HA manager' });
  });

  it('that it never begins is at rest on its source after a minute', async () => {
    const { harness, request, handle } = await begun({ haAnswer: 'ignores' });
    harness.clock.advance(59_000);
    expect(await harness.cloud.migrationState(request, handle)).toMatchObject({ phase: 'moving' });
    harness.clock.advance(1000);
    expect(await harness.cloud.migrationState(request, handle)).toMatchObject({
      phase: 'settled',
      hostId: 'node/host-0',
    });
  });

  it('that it takes back has failed, in the words of the task that it had moved the guest by', async () => {
    const { harness, request, handle } = await begun({ haAnswer: 'takes back' });
    const { end } = await followed(harness, request, handle);
    expect(end).toEqual({
      phase: 'failed',
      status: 'running',
      reason: 'the HA manager has taken it back to host-0: migration aborted',
      hostId: 'node/host-0',
    });
    expect(await harness.cloud.migrationState(request, undefined)).toMatchObject({ phase: 'settled' });
  });

  it('that somebody else has asked for is nothing of ours once it is over', async () => {
    const { harness, request } = await begun({ haAnswer: 'takes back' });
    const other = harness.connect(harness.server.url, { timeoutMs: 30_000, clock: harness.clock, random: () => 0.5 });
    harness.clock.advance(10_000);
    expect(await other.migrationState(request, undefined)).toMatchObject({ phase: 'moving' });
    harness.clock.advance(20_000);
    expect(await other.migrationState(request, undefined)).toMatchObject({ phase: 'settled', hostId: 'node/host-0' });
  });

  it('is given up once its task runs', async () => {
    const { harness, request, handle } = await begun({});
    await harness.cloud.cancelMigration?.(request, handle);
    expect(harness.server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
    expect(harness.model.moves).toMatchObject([{ state: 'cancelled' }]);
  });
});
