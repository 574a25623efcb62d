import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon } from './daemon.js';
import { startDaemon } from './daemon.js';
import type { AlertingRule, scraping } from './monitoring.js';

/** VictoriaMetrics as packaged, scraping by itself. */
export function startScrapingVictoria(scrape: ReturnType<typeof scraping>): Promise<Daemon> {
  return startDaemon('victoria-metrics', '/health', async (directory, port) => {
    await writeFile(join(directory, 'scrape.yml'), JSON.stringify(scrape));
    return [
      `-promscrape.config=${directory}/scrape.yml`,
      `-storageDataPath=${directory}/data`,
      `-httpListenAddr=127.0.0.1:${port}`,
      // By default the newest 30 s are held back.
      '-search.latencyOffset=0s',
      '-loggerLevel=WARN',
    ];
  });
}

/** vmalert, which asks a VictoriaMetrics and tells an Alertmanager. */
export function startVmalert(
  program: string,
  addresses: { victoria: string; alertmanager: string },
  rules: readonly AlertingRule[],
): Promise<Daemon> {
  return startDaemon(program, '/health', async (directory, port) => {
    await writeFile(join(directory, 'rules.yml'), JSON.stringify({ groups: [{ name: 'e2e', interval: '1s', rules }] }));
    return [
      `-rule=${directory}/rules.yml`,
      `-datasource.url=${addresses.victoria}`,
      `-notifier.url=${addresses.alertmanager}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      '-loggerLevel=WARN',
    ];
  });
}
