import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isInstalled, until } from './daemon.js';

const run = promisify(execFile);
/** Scripts that bring up libvirt hosts in namespaces of this machine. */
const SCRIPTS = fileURLToPath(new URL('../testbed', import.meta.url));

const own = (name: string, otherwise: string) => process.env[name] ?? otherwise;
/** Apart from whatever else runs here. Socket names are limited to 107 characters: the directory has to be short. */
export const SETTINGS = {
  TESTBED_DIR: own('TESTBED_DIR', '/tmp/automigrate-e2e'),
  TESTBED_NET: own('TESTBED_NET', '10.83.0'),
  TESTBED_NS_PREFIX: own('TESTBED_NS_PREFIX', 'ame'),
  TESTBED_PORT_OFFSET: own('TESTBED_PORT_OFFSET', '13000'),
  // Every host may use the whole machine, so that usage × vCPUs / the host's CPUs is what a guest really weighs.
  TESTBED_HOST_CPU_PCT: '0',
};
const PROGRAMS = ['libvirtd', 'virsh', 'qemu-system-x86_64', 'ip', 'nsenter', 'busybox', 'cpio'];
const SERVICES = ['prometheus', 'prometheus-alertmanager', 'prometheus-libvirt-exporter'];

export const HOSTS = ['hosta', 'hostb', 'hostc'] as const;
export type HostName = (typeof HOSTS)[number];

/** A guest to start: how busy its CPU is, %, and its memory, MiB. */
export interface GuestPlan {
  name: string;
  host: HostName;
  burn: number;
  memory: number;
}

/** Why no testbed can be brought up here; undefined if one can. */
export function missingForTestbed(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/net/tun')) return 'no /dev/net/tun';
  const missing = [...PROGRAMS, ...SERVICES].filter((program) => !isInstalled(program));
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined;
}

/** Runs one of the testbed's scripts; what it printed. */
export async function script(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(join(SCRIPTS, name), args, { env: { ...process.env, ...SETTINGS }, timeout: 170_000 });
  return stdout.trim();
}

export function port(base: number): number {
  return base + Number(SETTINGS.TESTBED_PORT_OFFSET);
}

/** The URI of a host's daemon from outside its namespaces, and how the other hosts reach it. */
export function uris(host: HostName): { uri: string; destUri: string } {
  const socket = join(SETTINGS.TESTBED_DIR, 'hosts', host, 'run/libvirt/libvirt-sock');
  return { uri: `qemu+unix:///system?socket=${socket}`, destUri: `qemu+tcp://${host}/system` };
}

/** What virsh prints; throws where it fails. */
export async function virsh(host: HostName, ...args: string[]): Promise<string> {
  const { stdout } = await run('virsh', ['-q', '-c', uris(host).uri, ...args], {
    env: { ...process.env, LC_ALL: 'C' },
  });
  return stdout.trim();
}

/** Clears what an interrupted run may have left, and brings up three hosts. */
export async function hostsUp(): Promise<void> {
  await hostsDown();
  await script('guest-image.sh', 'up');
  await script('hosts.sh', 'up');
  for (const host of HOSTS) preferHost(host);
}

/** A guest gets the CPU time that it asks for, whatever else the machine does: how busy a host is has to be its own doing. */
function preferHost(host: HostName): void {
  const group = `${SETTINGS.TESTBED_NS_PREFIX}-${host}`;
  const weights = {
    [`/sys/fs/cgroup/cpu/${group}/cpu.shares`]: '262144',
    [`/sys/fs/cgroup/${group}/cpu.weight`]: '10000',
  };
  for (const [file, weight] of Object.entries(weights)) if (existsSync(file)) writeFileSync(file, weight);
}

export async function hostsDown(): Promise<void> {
  for (const part of ['services.sh', 'guests.sh', 'hosts.sh', 'guest-image.sh']) await script(part, 'down');
  await rmdir(SETTINGS.TESTBED_DIR).catch(() => undefined);
}

/** Starts guests anew, and waits until they have booted and burn what they are to burn. */
export async function startGuests(guests: readonly GuestPlan[]): Promise<void> {
  for (const { name } of guests) await script('guests.sh', 'stop', name);
  for (const { name, host, burn, memory } of guests) {
    await script('guests.sh', 'start', name, host, String(burn), String(memory));
  }
  for (const { name, burn } of guests) {
    await until(`${name} has booted`, async () =>
      (await consoleLines(name)).some(({ line }) => line === `BURN ${burn}`),
    );
  }
}

/** What a guest has printed to its console, over all hosts that it has been on. */
export async function consoleLines(guest: string): Promise<{ host: string; line: string }[]> {
  const directory = join(SETTINGS.TESTBED_DIR, 'hosts');
  return (await readdir(directory)).flatMap((host) => {
    const file = join(directory, host, 'log/qemu', `${guest}.console`);
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split(/\r?\n/)
      .map((line) => ({ host, line }));
  });
}

/** The hosts that run a guest. */
export async function runsOn(guest: string): Promise<HostName[]> {
  const lists = await Promise.all(
    HOSTS.map((host) => virsh(host, 'list', '--state-running', '--name').catch(() => '')),
  );
  return HOSTS.filter((_host, index) => lists[index]?.split('\n').includes(guest));
}

/** Lets a guest start with its host. */
export async function autostart(host: HostName, guest: string): Promise<void> {
  await virsh(host, 'autostart', '--domain', guest);
}

export async function startsWithHost(host: HostName, guest: string): Promise<boolean> {
  return /^Autostart:\s+enable/m.test(await virsh(host, 'dominfo', '--domain', guest));
}

/** Whether a migration of a guest away from a host goes on, and has copied something. */
export async function isMigrating(guest: string, host: HostName): Promise<boolean> {
  return /Outgoing migration[^]*Data remaining/.test(await virsh(host, 'domjobinfo', '--domain', guest));
}
