import { spawnSync } from 'node:child_process';

/** Whether Prometheus's own tool is here (Debian: `apt-get install prometheus`). */
export const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** Runs it. @returns its exit status, and all that it has printed. */
export function promtool(args: readonly string[], input = ''): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}
