import { describe, expect, it } from 'vitest';
import { cloudVariables, cloudSettings } from '../../src/config/clouds.js';
import { metricsFor } from '../../src/config/fleet-settings.js';
import type { Environment } from '../../src/config/given.js';
import { readConfig } from '../../src/config/read-config.js';
import { z } from 'zod';

const CA = `-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIUSl3cPCvOpGvrw1qkzr0yN2lVV4gwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
`;
const files: Record<string, string> = { '/run/password': 'from, a file\n', '/etc/broken.pem': CA, '/etc/empty': '' };
const readFile = (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
  return text;
};
const problems = (env: Environment) => {
  const read = readConfig(env, readFile);
  return read.ok ? [] : read.problems;
};
/** The settings of a cloud, whatever METRICS may be. */
const settings = (cloud: string, env: Record<string, string>) =>
  cloudSettings(cloud, z.object(cloudVariables).parse(env), readFile).settings;

const KEYSTONE = {
  OS_AUTH_URL: 'https://cloud.example:5000/v3',
  OS_USERNAME: 'mover',
  OS_PASSWORD: 'hidden',
  OS_PROJECT_NAME: 'system',
};

describe('the settings of cloudpods and openstack', () => {
  it('are the OS_ variables, with defaults for what is usual', () => {
    const keystone = {
      authUrl: 'https://cloud.example:5000/v3',
      username: 'mover',
      password: 'hidden',
      project: 'system',
      userDomain: 'Default',
      projectDomain: 'Default',
      interface: 'public',
    };
    expect(settings('openstack', KEYSTONE)).toEqual({ openstack: { keystone } });
    expect(
      settings('cloudpods', {
        ...KEYSTONE,
        CLOUDPODS_MAX_BANDWIDTH_MB: '50',
        CLOUDPODS_PREFER_HOST: 'true',
        CLOUDPODS_QUICKLY_FINISH: 'true',
      }),
    ).toEqual({ cloudpods: { keystone, maxBandwidthMb: 50, preferHost: true, quicklyFinish: true } });
  });

  it.each([
    ['https://cloud.example:5000', 'https://cloud.example:5000/v3'],
    ['https://cloud.example/identity/', 'https://cloud.example/identity/v3'],
    ['https://cloud.example/identity/v3/', 'https://cloud.example/identity/v3'],
  ])('reach the Keystone of %s at %s', (given, authUrl) => {
    expect(settings('openstack', { ...KEYSTONE, OS_AUTH_URL: given }).openstack?.keystone).toMatchObject({ authUrl });
  });

  it.each([
    [{ OS_DOMAIN_NAME: 'D' }, { userDomain: 'D', projectDomain: 'D' }],
    [
      { OS_DOMAIN_NAME: 'D', OS_USER_DOMAIN_NAME: 'U', OS_PROJECT_DOMAIN_NAME: 'P' },
      { userDomain: 'U', projectDomain: 'P' },
    ],
    [{ OS_INTERFACE: 'internal' }, { interface: 'internal' }],
    [{ OS_ENDPOINT_TYPE: 'adminURL' }, { interface: 'admin' }],
    [{ OS_REGION_NAME: 'r1' }, { region: 'r1' }],
  ])('%o give %o', (env, expected) => {
    expect(settings('openstack', { ...KEYSTONE, ...env }).openstack?.keystone).toMatchObject(expected);
  });
});

describe('the settings of proxmox', () => {
  const PROXMOX = { PROXMOX_URL: 'https://pve1:8006', PROXMOX_TOKEN: 'a@pve!b=c' };

  it('are its address and token', () => {
    expect(settings('proxmox', PROXMOX)).toEqual({ proxmox: { urls: ['https://pve1:8006'], token: 'a@pve!b=c' } });
  });

  it.each([
    [{ PROXMOX_URL: 'https://pve1:8006, https://pve2:8006' }, { urls: ['https://pve1:8006', 'https://pve2:8006'] }],
    [{ PROXMOX_BWLIMIT: '102400' }, { bwlimitKib: 102_400 }],
    [{ PROXMOX_BWLIMIT: '0' }, { bwlimitKib: 0 }],
    [{ PROXMOX_CONNTRACK: 'true' }, { withConntrackState: true }],
  ])('%o give %o', (env, expected) => {
    expect(settings('proxmox', { ...PROXMOX, ...env }).proxmox).toMatchObject(expected);
  });
});

describe('what is missing or wrong', () => {
  it('is named for the cloud that was chosen, all at once, and for no other', () => {
    expect(problems({ CLOUD: 'openstack', OS_USERNAME: 'mover' })).toEqual([
      'OS_AUTH_URL: needed for CLOUD=openstack',
      'OS_PASSWORD: needed for CLOUD=openstack',
      'OS_PROJECT_NAME: needed for CLOUD=openstack',
      expect.stringMatching(/^METRICS: expected .*, as CLOUD=openstack has no readings of its own$/),
    ]);
    expect(problems({ CLOUD: 'proxmox' })).toEqual([
      'PROXMOX_URL: needed for CLOUD=proxmox',
      'PROXMOX_TOKEN: needed for CLOUD=proxmox',
    ]);
    expect(problems({})).toEqual([]);
  });

  it.each([
    ['OS_AUTH_URL', 'cloud.example', 'expected an http or https address without user, query and fragment'],
    ['OS_AUTH_URL', 'https://u:p@cloud.example', 'expected an http or https address without user, query and fragment'],
    ['OS_AUTH_URL', 'https://cloud.example/v2.0', 'expected the address of a Keystone v3'],
    ['PROXMOX_URL', 'ftp://pve', 'expected an http or https address without user, query and fragment'],
    ['PROXMOX_URL', 'https://pve1:8006,pve2', 'expected an http or https address without user, query and fragment'],
    ['PROXMOX_BWLIMIT', '100MiB', 'expected a whole number of KiB/s, 0 for any amount'],
    ['PROXMOX_CONNTRACK', 'yes', 'expected one of true, false'],
    ['OS_INTERFACE', 'secret', 'expected one of public, internal, admin'],
    ['CLOUDPODS_MAX_BANDWIDTH_MB', '0', 'expected a whole number of MB/s, at least 50'],
    // Cloudpods would refuse every migration.
    ['CLOUDPODS_MAX_BANDWIDTH_MB', '49', 'expected a whole number of MB/s, at least 50'],
    ['CLOUDPODS_PREFER_HOST', 'yes', 'expected one of true, false'],
    ['CLOUDPODS_QUICKLY_FINISH', 'yes', 'expected one of true, false'],
  ])('%s=%s is refused by name', (name, value, expected) => {
    expect(problems({ [name]: value })).toEqual([`${name}: ${expected}, got ${JSON.stringify(value)}`]);
  });

  it('names a token that is none without telling it', () => {
    expect(problems({ PROXMOX_TOKEN: 'hidden' })).toEqual(['PROXMOX_TOKEN: expected USER@REALM!TOKENID=UUID']);
  });

  it.each(['/etc/broken.pem', '/etc/empty', '/etc/none'])('names the variable of the file %s', (path) => {
    const env = { CLOUD: 'proxmox', PROXMOX_URL: 'https://pve:8006', PROXMOX_TOKEN: 'a@pve!b=c', PROXMOX_CA: path };
    expect(problems(env)).toEqual([
      expect.stringContaining(`PROXMOX_CA: expected a file of certificates in PEM, got "${path}": `),
    ]);
  });
});

it('a secret may stand in a file, as it is, without the line end', () => {
  const env = { CLOUD: 'proxmox', PROXMOX_URL: 'https://pve:8006', PROXMOX_TOKEN_FILE: '/run/token' };
  const read = readConfig(env, () => 'mover@pve!auto=1-2-3\n');
  expect(read.ok && read.config.clouds.proxmox).toEqual({ urls: ['https://pve:8006'], token: 'mover@pve!auto=1-2-3' });
});

describe('the readings', () => {
  const names = ['simulated', 'proxmox', 'store'] as const;

  it('are those of the cloud where it has any, and else those of a store', () => {
    expect(metricsFor('proxmox', undefined, names)).toEqual({ ok: true, metrics: 'proxmox' });
    expect(metricsFor('proxmox', 'store', names)).toEqual({ ok: true, metrics: 'store' });
    expect(metricsFor('openstack', 'store', names)).toEqual({ ok: true, metrics: 'store' });
  });

  it('of one cloud are not those of another', () => {
    expect(metricsFor('openstack', 'simulated', names)).toEqual({
      ok: false,
      problem: 'METRICS: simulated only has the readings of CLOUD=simulated, not of CLOUD=openstack',
    });
    expect(metricsFor('openstack', undefined, names)).toEqual({
      ok: false,
      problem: 'METRICS: expected one of store, as CLOUD=openstack has no readings of its own',
    });
  });
});
