import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Receiver } from '../../src/app/receiver.js';
import { startReceiver } from '../../src/app/receiver.js';
import { systemClock } from '../../src/common/clock.js';
import { readConfig } from '../../src/config/read-config.js';
import type { Scenario } from '../../src/fleet/clouds/scenario.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { Cloud, MigrationRequest } from '../../src/fleet/fleet.js';
import { fleet, guest, host, scenario } from './fleet.js';

/** The whole receiver as the environment says, on a simulated cloud whose requests are kept. */
export async function start(
  env: Record<string, string> = {},
  rules: object[] = [{ name: 'test-cpu' }],
  warnings?: Cloud['warnings'],
  given: Scenario = scenario(fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60, { vmem_size: 1 })])),
) {
  const directory = await mkdtemp(join(tmpdir(), 'doors-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const rulesDir = join(directory, 'rules');
  await mkdir(rulesDir);
  for (const [index, rule] of rules.entries()) {
    const name = (rule as { name: string }).name;
    const file = join(rulesDir, `${name || index}.json`);
    await writeFile(file, JSON.stringify({ metric: 'cpu.usage_active', threshold: 60, ...rule }));
  }
  const environment = { PORT: '0', RULES_DIR: rulesDir, DATA_DIR: join(directory, 'data'), ...env };
  const read = readConfig(environment);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  const cloud = { ...createSimulatedCloud(given, systemClock), ...(warnings && { warnings }) };
  const moves: MigrationRequest[] = [];
  const watched = new Proxy(cloud, {
    get: (target, name, self: unknown) =>
      name === 'startMigration'
        ? (...args: Parameters<typeof cloud.startMigration>) => {
            moves.push(args[0]);
            return target.startMigration(...args);
          }
        : (Reflect.get(target, name, self) as unknown),
  });
  const log: string[] = [];
  const receiver: Receiver = await startReceiver({
    config: read.config,
    clock: systemClock,
    log: pino({ level: 'debug' }, { write: (line: string) => void log.push(line) }),
    fleet: { cloud: watched, metrics: cloud },
    limits: { firstPauseMs: 5, longestPauseMs: 5 },
  });
  onTestFinished(() => receiver.stop());
  const { port } = new URL(receiver.url);
  const url = `http://127.0.0.1:${port}`;
  const post = (sender: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${url}/webhooks/${sender}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  return { receiver, url, post, moves, log, directory, environment: { ...environment, PORT: port } };
}
