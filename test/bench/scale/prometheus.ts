import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const STEP_S = 60;
const HOUR_S = 3600;

/** Whether a real Prometheus and its tool are on this machine. */
export async function hasPrometheus(): Promise<boolean> {
  try {
    await run('promtool', ['--version']);
    await run('prometheus', ['--version']);
    return true;
  } catch {
    return false;
  }
}

/**
 * A real Prometheus that holds an hour of samples, one a minute, of every host and guest, as telegraf names them; some minutes
 * more lie ahead, so that the newest is never stale while the bench runs.
 * @param readings - % by series: hosts and guests by id.
 * @returns its address, and how to end it.
 */
export async function prometheusWith(
  directory: string,
  readings: { hosts: [string, number][]; guests: [string, number][] },
): Promise<{ url: string; end: () => Promise<void> }> {
  const text = join(directory, 'samples.txt');
  const data = join(directory, 'prometheus');
  await mkdir(data, { recursive: true });
  const now = Math.floor(Date.now() / 1000 / STEP_S) * STEP_S;
  const file = createWriteStream(text);
  const write = async (name: string, label: string, series: [string, number][]) => {
    file.write(`# TYPE ${name} gauge\n`);
    for (const [id, value] of series) {
      let lines = '';
      for (let at = now - HOUR_S; at <= now + 10 * STEP_S; at += STEP_S) {
        const wave = Math.sin((at + Number(id.slice(-4))) / 500);
        lines += `${name}{${label}="${id}"} ${(value + wave).toFixed(6)} ${at}\n`;
      }
      if (!file.write(lines)) await once(file, 'drain');
    }
  };
  await write('cpu_usage_active', 'host_id', readings.hosts);
  await write('vm_cpu_usage_active', 'vm_id', readings.guests);
  file.end('# EOF\n');
  await once(file, 'finish');
  await run('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', text, data], { maxBuffer: 1 << 26 });
  const port = 20_000 + Math.floor(process.pid % 20_000);
  const child = spawn(
    'prometheus',
    [
      `--web.listen-address=127.0.0.1:${port}`,
      `--storage.tsdb.path=${data}`,
      '--config.file=/dev/null',
      '--query.max-samples=200000000',
    ],
    { stdio: 'ignore' },
  );
  const url = `http://127.0.0.1:${port}`;
  for (let count = 0; count < 120; count += 1) {
    const ready = await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) break;
    await delay(500);
  }
  return {
    url,
    end: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
