import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MAIN } from '../support/program.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { kept, startDaemon, until, whatIsMissing } from './daemon.js';
import { scraping } from './monitoring.js';
import { openSite } from './simulated-site.js';

const execute = promisify(execFile);
const TOKEN = 'a-token-of-its-own';
const missing = whatIsMissing(['prometheus', 'prometheus-alertmanager']);

describe.skipIf(missing !== undefined)(`what rules export prints, as it comes out${missing ?? ''}`, () => {
  it('brings an alert of real Prometheus and Alertmanager to the rule that it was made from: a guest moves', async ({
    annotate,
  }) => {
    const place = await openSite(
      scenario(fleet([host('a', 50), host('b', 20)], [guest('rising', 'a', 30), guest('calm', 'a', 30)]), {
        bandwidth: 16_384,
      }),
      [{ name: 'prod-cpu', metric: 'cpu.usage_active', threshold: 60, period: '10s', source: { hosts: ['id-a'] } }],
    );
    onTestFinished(() => place.close());
    const exported = async (...options: string[]) => {
      const env = { ...process.env, RULES_DIR: place.directory, PROMETHEUS_SCRAPE_INTERVAL: '1s' };
      return (await execute(process.execPath, [MAIN, 'rules', 'export', ...options], { env })).stdout;
    };

    const alertmanager = await kept(
      startDaemon('prometheus-alertmanager', '/-/ready', async (directory, port) => {
        const tokenFile = join(directory, 'token');
        await writeFile(tokenFile, TOKEN);
        const url = new URL(place.webhook).origin;
        const config = await exported('--for', 'alertmanager', '--url', url, '--token-file', tokenFile);
        await writeFile(join(directory, 'alertmanager.yml'), config);
        return [
          `--config.file=${directory}/alertmanager.yml`,
          `--storage.path=${directory}/data`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--cluster.listen-address=',
        ];
      }),
    );
    const prometheus = await kept(
      startDaemon('prometheus', '/-/ready', async (directory, port) => {
        await writeFile(join(directory, 'rules.yml'), await exported('--for', 'prometheus'));
        const scrape = scraping(1, [place.scrape]);
        const config = {
          ...scrape,
          global: { ...scrape.global, evaluation_interval: '1s' },
          rule_files: [`${directory}/rules.yml`],
          alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanager.url).host] }] }] },
        };
        await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
        return [
          `--config.file=${directory}/prometheus.yml`,
          `--storage.tsdb.path=${directory}/data`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--log.level=warn',
        ];
      }),
    );
    const receiver = await place.serve(prometheus.url, { WEBHOOK_TOKEN: TOKEN });

    const crossedAt = Date.now();
    place.cloud.setGuestCpu('rising', 100);
    const events = await until('the move has arrived', async () => {
      const found = await receiver.events();
      return found.some(({ action }) => action === 'migrate_success') && found;
    });
    await annotate(`crossing to arrival: ${((Date.now() - crossedAt) / 1000).toFixed(1)} s`);
    expect(events.filter(({ action }) => action === 'migrate_success')).toMatchObject([{ obj_name: 'prod-cpu' }]);
    // The window of the alert is the period of the rule: the first notification finds the mean past the threshold.
    expect(events.filter(({ action }) => action === 'not_needed')).toEqual([]);
  });
});
