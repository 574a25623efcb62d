import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from './daemon.js';

const run = promisify(execFile);
const SCRIPTS = fileURLToPath(new URL('../testbed/nova', import.meta.url));

const own = (name: string, otherwise: string) => process.env[name] ?? otherwise;
/** Apart from whatever else runs here. What was installed stays for the next time. */
const SETTINGS = {
  NOVA_DIR: own('NOVA_DIR', '/tmp/automigrate-nova'),
  NOVA_VENV: own('NOVA_VENV', '/tmp/automigrate-nova-venv'),
  NOVA_PORT_OFFSET: own('NOVA_PORT_OFFSET', '1000'),
  SERVERS: '6',
};
/** The Nova at NOVA_DIR is up, and stays: for whoever writes these tests. */
const IS_UP = process.env.NOVA_UP === '1';
const UP_MS = 600_000;

const port = (base: number) => base + Number(SETTINGS.NOVA_PORT_OFFSET);
const KEYSTONE = `http://127.0.0.1:${port(25000)}/v3`;
export const POLICY_FILE = join(SETTINGS.NOVA_DIR, 'etc/nova/policy.yaml');

/** The user with the least rights, as automigrate is set up for it. */
export const MOVER = {
  authUrl: KEYSTONE,
  username: 'mover',
  password: 'mover-secret-0123456789',
  userDomain: 'Default',
  project: 'automigrate',
  projectDomain: 'Default',
  interface: 'public' as const,
};
const ADMIN = { ...MOVER, username: 'admin', password: 'admin-secret-0123456789', project: 'admin' };

/** Why Nova cannot be brought up here; undefined if it can. */
export function missingForNova(): string | undefined {
  if (process.env.NIGHTLY !== '1' && !IS_UP) return 'it takes about ten minutes: NIGHTLY=1 npm run e2e';
  if (process.getuid?.() !== 0) return 'not root';
  return existsSync(join(SETTINGS.NOVA_VENV, 'bin/nova-compute')) ? undefined : `no Nova in ${SETTINGS.NOVA_VENV}`;
}

/** Runs one of the testbed's programs; what it printed. */
export async function novaScript(name: string, ...args: string[]): Promise<string> {
  const [program, ...rest] = name.endsWith('.py')
    ? [join(SETTINGS.NOVA_VENV, 'bin/python'), name, ...args]
    : [`./${name}`, ...args];
  const env = { ...process.env, ...SETTINGS, DB_PORT: String(port(23306)), KEYSTONE_PORT: String(port(25000)) };
  const { stdout } = await run(program, rest, { cwd: SCRIPTS, env, timeout: UP_MS, maxBuffer: 16 * 1024 ** 2 });
  return stdout.trim();
}

/** Clears what an interrupted run may have left, and brings Nova up with these policies. */
export async function novaUp(policy: string): Promise<void> {
  if (!IS_UP) await novaDown();
  await mkdir(join(SETTINGS.NOVA_DIR, 'etc/nova'), { recursive: true });
  await writeFile(POLICY_FILE, policy);
  if (!IS_UP) await novaScript('up.sh');
}

export async function novaDown(): Promise<void> {
  if (IS_UP) return;
  await novaScript('down.sh').catch(() => undefined);
  await rm(SETTINGS.NOVA_DIR, { recursive: true, force: true });
}

/** Signals the processes of one of Nova's parts: `api`, `cmp-02`. */
export async function signal(part: string, name: NodeJS.Signals): Promise<void> {
  for (const pid of await processesOf(part)) {
    try {
      process.kill(pid, name);
    } catch (error) {
      // It has ended meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Kills one of Nova's parts, and waits until its last process has let go of what it holds. */
export async function kill(part: string): Promise<void> {
  await signal(part, 'SIGKILL');
  await until(`${part} has ended`, async () => (await processesOf(part)).length === 0);
}

async function processesOf(part: string): Promise<number[]> {
  const leader = readFileSync(join(SETTINGS.NOVA_DIR, 'run', `${part}.pid`), 'utf8').trim();
  // ps ends with 1 where there is none.
  const { stdout } = await run('ps', ['-o', 'pid=', '-s', leader]).catch(() => ({ stdout: '' }));
  return stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(Number);
}

/** Carries out SQL as the database's root. */
export async function sql(statement: string): Promise<string> {
  const where = ['--no-defaults', '-N', '-uroot', '-h127.0.0.1', `-P${port(23306)}`, '--protocol=tcp'];
  const { stdout } = await run('mariadb', [...where, '-e', statement]);
  return stdout.trim();
}

/** A server as an admin sees it. */
export interface NovaServer {
  id: string;
  name: string;
  status: string;
  'OS-EXT-SRV-ATTR:host': string;
  'OS-EXT-STS:task_state': string | null;
}

/** What Nova answers. */
export interface NovaAnswer {
  status: number;
  body: unknown;
}

/** Somebody who asks Nova directly. */
export class NovaUser {
  readonly #who: typeof MOVER;
  #token = '';

  constructor(who: typeof MOVER = ADMIN) {
    this.#who = who;
  }

  async login(): Promise<string> {
    const { username, password, project } = this.#who;
    const user = { name: username, password, domain: { name: 'Default' } };
    const scope = { project: { name: project, domain: { name: 'Default' } } };
    const identity = { methods: ['password'], password: { user } };
    const answer = await fetch(`${KEYSTONE}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, scope } }),
    });
    if (answer.status !== 201) throw new Error(`log in as ${username}: HTTP ${answer.status}`);
    this.#token = answer.headers.get('x-subject-token') ?? '';
    return this.#token;
  }

  /** Asks Nova, or Keystone by a whole address. */
  async ask(method: string, path: string, body?: object): Promise<NovaAnswer> {
    if (this.#token === '') await this.login();
    const answer = await fetch(path.startsWith('http') ? path : `http://127.0.0.1:${port(28774)}/v2.1${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        'x-auth-token': this.#token,
        'openstack-api-version': 'compute 2.96',
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text };
  }

  /** Asks for what must not fail. */
  async must<T>(method: string, path: string, body?: object): Promise<T> {
    const { status, body: answer } = await this.ask(method, path, body);
    if (status >= 400) throw new Error(`${method} ${path}: HTTP ${status}: ${JSON.stringify(answer)}`);
    return answer as T;
  }

  /** A new server that runs. */
  async boot(name: string, where: object, more: object = {}): Promise<NovaServer> {
    const image = '11111111-1111-1111-1111-111111111111';
    const server = { name, flavorRef: 'm1.small', imageRef: image, networks: 'none', ...where };
    const made = await this.must<{ server: { id: string } }>('POST', '/servers', { server, ...more });
    return until(`server ${name} runs`, async () => {
      const found = await this.server(made.server.id);
      if (found?.status === 'ERROR') throw new Error(`server ${name} is in status ERROR`);
      return found?.status === 'ACTIVE' && found;
    });
  }

  async server(id: string): Promise<NovaServer | undefined> {
    const { status, body } = await this.ask('GET', `/servers/${id}`);
    return status === 404 ? undefined : (body as { server: NovaServer }).server;
  }

  async servers(): Promise<NovaServer[]> {
    return (await this.must<{ servers: NovaServer[] }>('GET', '/servers/detail?all_tenants=1')).servers;
  }

  /** Removes a server, whatever it does, and waits until it is gone. */
  async remove(id: string): Promise<void> {
    await until(`server ${id} is gone`, async () => {
      const server = await this.server(id);
      if (!server) return true;
      // While it moves it cannot be removed.
      await this.ask('DELETE', `/servers/${id}`);
      return false;
    });
  }

  async act(id: string, action: object): Promise<NovaAnswer> {
    return this.ask('POST', `/servers/${id}/action`, action);
  }

  /** Revokes every token of a user so far, as setting a password does. */
  async revokeTokens({ username, password }: typeof MOVER): Promise<void> {
    const found = await this.must<{ users: { id: string }[] }>('GET', `${KEYSTONE}/users?name=${username}`);
    await this.must('PATCH', `${KEYSTONE}/users/${found.users[0]?.id ?? ''}`, { user: { password } });
  }
}
