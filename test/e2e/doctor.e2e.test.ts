import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { MAIN } from '../support/program.js';
import { serveSimulation } from '../support/simulation-server.js';
import { kept, startDaemon, until, whatIsMissing } from './daemon.js';
import { scraping } from './monitoring.js';

const missing = whatIsMissing(['prometheus']);

interface Run {
  status: number;
  out: string;
}

function run(line: string, env: Record<string, string | undefined>): Promise<Run> {
  return new Promise((done) => {
    execFile(process.execPath, [MAIN, ...line.split(' ')], { env }, (error, out) =>
      done({ status: error ? Number(error.code) : 0, out }),
    );
  });
}

describe.skipIf(missing !== undefined)(`automigrate doctor beside a real Prometheus${missing ?? ''}`, () => {
  it('is content with a fleet that is scraped and alerts that were exported, and names a wrong label and a changed rule', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'doctor-prometheus-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const snapshot = fleet([host('a', 50), host('b', 20)], [guest('busy', 'a', 40), guest('calm', 'b', 10)]);
    const simulation = await serveSimulation(createSimulatedCloud(scenario(snapshot), systemClock));
    onTestFinished(() => simulation.close());
    const rulesDir = join(directory, 'rules');
    await mkdir(rulesDir);
    const writeRule = (over: object) =>
      writeFile(
        join(rulesDir, 'test-cpu.json'),
        JSON.stringify({ name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, period: '10s', ...over }),
      );
    await writeRule({});
    const env = {
      PATH: process.env.PATH,
      RULES_DIR: rulesDir,
      DATA_DIR: join(directory, 'data'),
      SIMULATION: simulation.url,
      METRICS: 'prometheus',
      PROMETHEUS_SCRAPE_INTERVAL: '1s',
      WEBHOOK_TOKEN: 'w'.repeat(20),
      API_TOKEN: 'a'.repeat(20),
    };
    const prometheus = await kept(
      startDaemon('prometheus', '/-/ready', async (place, port) => {
        await writeFile(join(place, 'rules.yml'), (await run('rules export --for prometheus', env)).out);
        const targets = [new URL(simulation.url).host];
        const scrape = scraping(1, [{ job_name: 'fleet', static_configs: [{ targets }] }]);
        const whole = { ...scrape, rule_files: [`${place}/rules.yml`] };
        await writeFile(join(place, 'prometheus.yml'), JSON.stringify(whole));
        return [
          `--config.file=${place}/prometheus.yml`,
          `--storage.tsdb.path=${place}/data`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--log.level=warn',
        ];
      }),
    );
    const doctor = (over: Record<string, string> = {}) =>
      run('doctor', { ...env, PROMETHEUS_URL: prometheus.url, ...over });

    const content = await until('the doctor is content', async () => {
      const found = await doctor();
      if (found.status !== 0) throw new Error(found.out);
      return found;
    });
    expect(content.out).toMatch(/cpu\.usage_active of 2 of 2 online hosts \(prometheus, named by the label host_id\)/);
    expect(content.out).toMatch(/cpu\.usage_active of 2 of 2 running guests/);
    expect(content.out).toMatch(/1 alert of prometheus fits its rule\n[^]*All is well\.\n$/);

    const lost = await doctor({ PROMETHEUS_HOST_LABEL: 'job' });
    expect(lost.status).toBe(1);
    expect(lost.out).toMatch(/the label job holds names that no host of the cloud has: fleet/);

    await writeRule({ period: '5m', threshold: 70 });
    const changed = await doctor();
    expect(changed.status).toBe(1);
    expect(changed.out).toMatch(
      /the alert test-cpu of prometheus does not fit the rule test-cpu: it looks back over 10s[^;]*the rule's period is 5m[^;]*; its threshold is 60, the rule's 70/,
    );
  });
});
