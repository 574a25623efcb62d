import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import { FleetError } from '../../fleet.js';
import type { LibvirtHost } from './uris.js';

/** What one run of virsh came to. */
export interface VirshAnswer {
  /** The output of each command, in order; empty for one that failed or printed nothing. */
  outputs: string[];
  /** What virsh said went wrong, without "error: "; empty if nothing did. */
  words: string;
}

/** How a migration's virsh ended. */
export type VirshEnding = { ok: true } | { ok: false; words: string };

/** A virsh that asks for a migration and waits for its end. */
export interface VirshMigration {
  /** Never rejects. */
  readonly ended: Promise<VirshEnding>;
  /** Ends the program. The daemon goes on with what it has been asked for. */
  kill(): void;
}

/** The program virsh, with limits. */
export interface Virsh {
  /**
   * Runs commands on one host over one connection. A command that fails does not keep the others from being run.
   * @param commands - in virsh's own syntax; made of constants and of ids that {@link isUuid} has let through.
   * @throws FleetError if virsh cannot be run, does not end in time, says too much or reaches no daemon.
   */
  ask(host: LibvirtHost, commands: readonly string[], signal?: AbortSignal): Promise<VirshAnswer>;
  /** Starts a live migration of a guest that runs on `source`. */
  migrate(source: LibvirtHost, uuid: string, target: LibvirtHost, how: MigrationMode): VirshMigration;
}

/** How guests are copied. */
export interface MigrationMode {
  /** A guest that writes memory faster than it is copied is slowed down, more and more, until it arrives. */
  autoConverge: boolean;
  /** The migration may be switched to post-copy while it runs. */
  postcopy: boolean;
  /** The most that one migration may copy, MiB/s; unlimited by default. */
  bandwidthMiB?: number;
}

/** Why the program cannot be run here at all, for whoever sets automigrate up; undefined if it can. */
export function virshProblem(program: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, ['--version'], { timeout: 10_000, killSignal: 'SIGKILL' }, (error) => {
      if (!error) resolve(undefined);
      else if (error.code === 'ENOENT') resolve(`the program ${program} is not in PATH (Debian: libvirt-clients)`);
      else resolve(`the program ${program} cannot be run: ${error.message.trim()}`);
    }).stdin?.end();
  });
}

/** What {@link createVirsh} needs. */
export interface VirshOptions {
  /** Name or path of the program. */
  program: string;
  /** The longest that one run may take, apart from a migration's, ms. */
  timeoutMs: number;
}

/** The most that one run may print, bytes: ten thousand guests come to a tenth of it. */
const MOST_OUTPUT = 64 * 1024 ** 2;
/** The most that is kept of what went wrong, characters. */
const MOST_WORDS = 600;

/** Whether a guest's id can stand in a command. */
export function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);
}

export function createVirsh({ program, timeoutMs }: VirshOptions): Virsh {
  return {
    async ask(host, commands, signal) {
      signal?.throwIfAborted();
      const marker = `end-${randomUUID()}`;
      const script = commands.map((command) => `${command}; echo ${marker}`).join('; ');
      const { stdout, words } = await run(host, script, signal);
      const outputs = stdout.split(marker);
      // Without the last marker virsh did not come to the end: it found no daemon, or lost it.
      if (outputs.length <= commands.length) {
        throw new FleetError('libvirt', `${host.name}: ${words || 'virsh broke off without a word'}`);
      }
      return { outputs: outputs.slice(0, commands.length), words };
    },

    migrate(source, uuid, target, how) {
      const what = ['migrate', ...migrateFlags(how), '--domain', uuid, '--desturi', target.destUri];
      // In a session of its own: virsh takes a terminal's Ctrl-C as the wish to give the migration up.
      const child = spawn(program, ['-q', '-c', source.uri, ...what], {
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
        env: environment(),
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        stderr = (stderr + chunk).slice(-4 * MOST_WORDS);
      });
      const ended = new Promise<VirshEnding>((resolve) => {
        child.on('error', (error) => resolve({ ok: false, words: error.message }));
        child.on('close', (code, killedBy) => {
          const fallback = killedBy ? `virsh was ended by ${killedBy}` : `virsh ended with status ${String(code)}`;
          resolve(code === 0 ? { ok: true } : { ok: false, words: wordsOf(stderr) || fallback });
        });
      });
      // The receiver may end before the migration does: it is followed again after the restart.
      child.unref();
      if (child.stderr instanceof Socket) child.stderr.unref();
      return { ended, kill: () => child.kill('SIGKILL') };
    },
  };

  function run(host: LibvirtHost, script: string, signal?: AbortSignal): Promise<{ stdout: string; words: string }> {
    return new Promise((resolve, reject) => {
      execFile(
        program,
        ['-q', '-c', host.uri, script],
        {
          timeout: timeoutMs,
          killSignal: 'SIGKILL',
          maxBuffer: MOST_OUTPUT,
          env: environment(),
          ...(signal && { signal }),
        },
        (error, stdout, stderr) => {
          const fault = (text: string) =>
            reject(new FleetError('libvirt', `${host.name}: ${text}`, error ? { cause: error } : {}));
          if (signal?.aborted) reject(signal.reason as Error);
          else if (error?.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') fault('virsh printed more than 64 MiB');
          else if (error?.killed) fault(`no answer within ${timeoutMs} ms`);
          else if (typeof error?.code === 'string') fault(`virsh cannot be run: ${error.message}`);
          else resolve({ stdout, words: wordsOf(stderr) });
        },
      ).stdin?.end();
    });
  }
}

function migrateFlags({ autoConverge, postcopy, bandwidthMiB }: MigrationMode): string[] {
  const flags = ['--live', '--p2p', '--persistent', '--undefinesource', '--abort-on-error'];
  if (autoConverge) flags.push('--auto-converge');
  if (postcopy) flags.push('--postcopy');
  if (bandwidthMiB === undefined) return flags;
  const limit = String(bandwidthMiB);
  // The limit of a copy before the switch does not hold after it.
  return [...flags, '--bandwidth', limit, ...(postcopy ? ['--postcopy-bandwidth', limit] : [])];
}

/** Messages are read, so they have to be in one language. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C' };
}

/** What went wrong, in virsh's own words, on one line. */
function wordsOf(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replace(/^error: /, '').trim());
  const text = lines.filter((line) => line !== '').join('; ');
  return text.length > MOST_WORDS ? `${text.slice(0, MOST_WORDS)}…` : text;
}
