import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/**
 * A simulated cloud of any size in a process of its own: `node simulator.js HOSTS GUESTS HOT`. The first HOT hosts are past 80 %.
 * Everything that is asked for is written out before, so that what is measured is the receiver. Prints its address, and a line
 * `first <ms since the epoch>` when the first migration is asked for.
 */
const [hostCount = 100, guestCount = 2000, hot = 10] = process.argv.slice(2).map(Number);

/** The same numbers in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

const draw = random(7);
const CPUS = 64;
const id = (kind: string, index: number) => `${kind}-${String(index).padStart(6, '0')}`;
const place = new Map<string, string>();
const used = new Float64Array(hostCount);
const guests = Array.from({ length: guestCount }, (_, index) => {
  const host = index % hostCount;
  const vcpus = 2 ** (1 + Math.floor(draw() * 3));
  const usage = (host < hot ? 55 : 20) + draw() * 40;
  used[host] = (used[host] ?? 0) + (usage * vcpus) / CPUS;
  place.set(id('guest', index), id('host', host));
  return { index, host, vcpus, usage, memory: vcpus * 2048 };
});
const hosts = Array.from({ length: hostCount }, (_, index) => ({
  id: id('host', index),
  name: `node-${index}.example.com`,
  status: 'online',
  enabled: true,
  host_type: 'hypervisor',
  cpu_architecture: 'x86_64',
  cpu_count: CPUS,
  mem_size: 524_288,
}));
/** Past the threshold by up to eight points, or well under it, whatever the guests come to. */
const cpuOf = (index: number) => (index < hot ? 81 + draw() * 7 : Math.min(60, 25 + (used[index] ?? 0) / 4));

const hostsText = JSON.stringify({ hosts });
const readingsText = () => {
  const at = Date.now();
  const cpu = (value: number) => ({ 'cpu.usage_active': { value, at } });
  return JSON.stringify({
    hosts: hosts.map((host, index) => ({
      id: host.id,
      metrics: { ...cpu(cpuOf(index)), 'mem.available': { value: 300 * 1024 ** 3, at } },
    })),
    guests: guests.map(({ index, usage }) => ({ id: id('guest', index), metrics: cpu(usage) })),
  });
};
const readings = gzipSync(readingsText(), { level: 1 });

function guestPage(offset: number, limit: number): string {
  return JSON.stringify({
    total: guests.length,
    guests: guests.slice(offset, offset + limit).map(({ index, vcpus, memory }) => ({
      id: id('guest', index),
      name: `vm-${index}`,
      host_id: place.get(id('guest', index)),
      status: 'running',
      vcpu_count: vcpus,
      vmem_size: memory,
    })),
  });
}

let isFirst = true;
const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const send = (body: string) => response.setHeader('content-type', 'application/json').end(body);
  if (url.pathname === '/hosts') return send(hostsText);
  if (url.pathname === '/guests') {
    return send(guestPage(Number(url.searchParams.get('offset')), Number(url.searchParams.get('limit'))));
  }
  if (url.pathname === '/readings') {
    return response.setHeader('content-type', 'application/json').setHeader('content-encoding', 'gzip').end(readings);
  }
  if (url.pathname === '/migrations') {
    if (isFirst) process.stdout.write(`first ${Date.now()}\n`);
    isFirst = false;
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const { guest, target } = JSON.parse(text) as { guest: string; target: string };
      place.set(guest, target);
      send(JSON.stringify({ accepted: true }));
    });
    return undefined;
  }
  const guest = /^\/guests\/([^/]+)\/migration$/.exec(url.pathname)?.[1];
  if (guest !== undefined) {
    return send(JSON.stringify({ phase: 'settled', status: 'running', hostId: place.get(guest) }));
  }
  return send('{}');
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
