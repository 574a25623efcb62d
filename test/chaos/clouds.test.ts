import { onTestFinished } from 'vitest';
import type { Metrics } from '../../src/fleet/fleet.js';
import { startCloudpods } from '../support/clouds/cloudpods-server.js';
import { startOpenstack } from '../support/clouds/openstack-server.js';
import { startProxmox } from '../support/clouds/proxmox-server.js';
import { GIB } from '../support/fleet.js';
import type { HttpHarness } from '../fleet/clouds/http-contract.js';
import { chaosSuite } from './suite.js';

/** So many guests that lists have pages; only one of them has a reading. */
const GUESTS = 8;
const PAGE = 3;

/** A store beside the cloud that is in order: the first host is at 65 %, of which one guest makes up 9. */
const readings: Metrics = {
  name: 'memory',
  scrapeIntervalMs: 60_000,
  readings: ({ hosts, guests }) => {
    const at = Date.now();
    const of = (cpu: number) => ({ 'cpu.usage_active': { value: cpu, at } });
    const memory = { 'mem.available': { value: 100 * GIB, at } };
    return Promise.resolve({
      hosts: new Map(hosts.map(({ id }, index) => [id, { ...of(index === 0 ? 65 : 20), ...memory }])),
      guests: new Map(guests.slice(0, 1).map(({ id }) => [id, of(90)])),
    });
  },
};

/** What the suite asks of a cloud behind a proxy. */
async function behind(starting: Promise<HttpHarness>) {
  const harness = await starting;
  onTestFinished(() => harness.close());
  const connect: HttpHarness['connect'] = (url, how) => harness.connect(url, how);
  return {
    url: harness.server.url,
    hot: harness.hosts[0]!.name,
    moves: () => harness.movesTaken(),
    connect: (url: string, how: Parameters<typeof connect>[1]) => ({ cloud: connect(url, how), metrics: readings }),
  };
}

chaosSuite({
  name: 'Cloudpods',
  system: 'cloudpods',
  reads: {
    login: /^POST \/identity\/v3\/auth\/tokens/,
    hosts: /^GET \/region\/hosts\?/,
    guests: /^GET \/region\/servers\?/,
    'the second page of guests': /^GET \/region\/servers\?.*offset=3/,
  },
  forecast: /migrate-forecast$/,
  move: { start: /^POST .*\/live-migrate$/, look: /^GET \/region\/servers\/guest-0\?/ },
  changePages: (call, body) => (call.includes('offset=3') ? { ...(body as object), total: GUESTS + 1 } : body),
  start: () => behind(startCloudpods({ hosts: 2, guests: GUESTS, pageSize: PAGE })),
});

const aggregates = [{ name: 'ssd', hosts: ['host-1'] }];
let firstPage: unknown;
chaosSuite({
  name: 'OpenStack',
  system: 'openstack',
  reads: {
    login: /^POST \/v3\/auth\/tokens/,
    hypervisors: /^GET \/v2.1\/os-hypervisors/,
    services: /^GET \/v2.1\/os-services/,
    aggregates: /^GET \/v2.1\/os-aggregates/,
    guests: /^GET \/v2.1\/servers\/detail/,
    'the second page of guests': /^GET \/v2.1\/servers\/detail\?.*marker=/,
  },
  move: { start: /^POST .*\/action$/, look: /^GET \/v2.1\/(servers\/guest-0$|os-migrations)/ },
  // The list begins anew behind the marker: some guests come twice.
  changePages: (call, body) => {
    if (!call.includes('/servers/detail')) return body;
    if (!call.includes('marker=')) firstPage = body;
    return firstPage;
  },
  start: () => behind(startOpenstack({ hosts: 2, guests: GUESTS, pageSize: PAGE, aggregates })),
});

chaosSuite({
  name: 'Proxmox VE',
  system: 'proxmox',
  reads: {
    'cluster status': /^GET \/api2\/json\/cluster\/status/,
    'HA status': /^GET \/api2\/json\/cluster\/ha\/status/,
    nodes: /^GET \/api2\/json\/cluster\/resources\?type=node/,
    guests: /^GET \/api2\/json\/cluster\/resources\?type=vm/,
  },
  forecast: /^GET .*\/migrate\?/,
  move: {
    start: /^POST .*\/migrate target=/,
    look: /^GET \/api2\/json\/(cluster\/resources\?type=vm|nodes\/.*\/tasks)/,
  },
  start: () => behind(startProxmox({ hosts: 2, guests: GUESTS })),
});
