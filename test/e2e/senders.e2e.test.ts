import type { TestContext } from 'vitest';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { kept, until, whatIsMissing } from './daemon.js';
import type { Gate } from './gate.js';
import type { AlertingRule, AlertmanagerOptions } from './monitoring.js';
import { scraping, startAlertmanager, startPrometheusOf } from './monitoring.js';
import { openSite } from './simulated-site.js';
import { startScrapingVictoria, startVmalert } from './vmalert.js';

const THRESHOLD = 60;
const TOKEN = 'a-token-of-its-own';
const BEARER = { authorization: { type: 'Bearer', credentials: TOKEN } };
const BASIC = { basic_auth: { username: 'alertmanager', password: TOKEN } };

/** Two hosts that can come to pass the threshold, each by one guest, and two that have room. */
const site = (beforeLook?: (gate: Gate) => Promise<unknown>) =>
  openSite(
    scenario(
      fleet(
        [host('a', 50), host('b', 50), host('c', 20), host('d', 25)],
        [guest('rising-a', 'a', 30), guest('calm-a', 'a', 30), guest('rising-b', 'b', 30), guest('calm-b', 'b', 30)],
      ),
      { bandwidth: 16_384 },
    ),
    ['a', 'b'].map((name) => ({
      name: `cpu-of-${name}`,
      metric: 'cpu.usage_active',
      threshold: THRESHOLD,
      period: '5s',
      // What is told here is of the alerting host: no other is relieved before it alerts.
      relieve: 'alerting' as const,
    })),
    beforeLook,
  );

const alertOn = (name: string): AlertingRule => ({
  alert: `cpu-of-${name}`,
  expr: `cpu_usage_active{host_id="id-${name}"} > ${THRESHOLD}`,
  for: '6s',
});
const RULES = [alertOn('a'), alertOn('b')];

/** A site of which Prometheus tells as many Alertmanagers as are given. */
async function watched(senders: AlertmanagerOptions[], beforeLook?: (gate: Gate) => Promise<unknown>) {
  const place = await site(beforeLook);
  onTestFinished(() => place.close());
  const alertmanagers = [];
  for (const options of senders) alertmanagers.push(await kept(startAlertmanager(place.webhook, options)));
  const addresses = alertmanagers.map(({ url }) => url);
  const prometheus = await kept(startPrometheusOf(scraping(1, [place.scrape]), RULES, addresses));
  return { ...place, prometheus, alertmanagers };
}

type Place = Awaited<ReturnType<typeof site>>;

/** Lets a guest use all of its vCPUs, so that its host is at 64 %; waits for the first move, and says how long that took. */
async function crossing({ cloud }: Place, name: string, annotate: TestContext['annotate']): Promise<void> {
  const crossedAt = Date.now();
  cloud.setGuestCpu(`rising-${name}`, 100);
  await until(`a guest is asked to leave ${name}`, () =>
    Promise.resolve([...cloud.asked.keys()].some((id) => id.endsWith(`-${name}`))),
  );
  await annotate(`crossing to first move: ${((Date.now() - crossedAt) / 1000).toFixed(1)} s`);
}

const firing = ({ deliveries }: Gate) => deliveries.filter(({ body }) => body.status === 'firing');
const outcomes = (gate: Gate) => firing(gate).map(({ status, answer }) => [status, answer?.outcome]);
const askedOf = (place: Place) => [...place.cloud.asked.values()].reduce((sum, times) => sum + times, 0);

/** A counter that Alertmanager keeps of its webhooks, over all its labels. */
async function counted(alertmanager: string, name: string): Promise<number> {
  const text = await (await fetch(`${alertmanager}/metrics`)).text();
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes('integration="webhook"'));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

for (const [name, program] of [
  ["Debian's Alertmanager", 'prometheus-alertmanager'],
  ['the newest Alertmanager', 'alertmanager'],
] as const) {
  const missing = whatIsMissing(['prometheus', program]);
  describe.skipIf(missing !== undefined)(`${name} with Prometheus${missing ?? ''}`, () => {
    it.for([
      ['a bearer token', BEARER],
      ['a basic password', BASIC],
    ] as const)(
      'tells by %s: a guest moves, and the sender says that it is over',
      async ([, httpConfig], { annotate }) => {
        const place = await watched([{ program, httpConfig }]);
        const receiver = await place.serve(place.prometheus.url, { WEBHOOK_TOKEN: TOKEN });
        await crossing(place, 'a', annotate);
        const resolved = await until('Alertmanager says that it is resolved', () =>
          Promise.resolve(place.gate.deliveries.find(({ body }) => body.status === 'resolved')),
        );
        expect(resolved).toMatchObject({ status: 200, answer: { outcome: 'ignored', reason: 'resolved' } });
        const events = await until('the move has arrived', async () => {
          const found = await receiver.events();
          return found.some(({ action }) => action === 'migrate_success') && found;
        });
        expect(events.filter(({ action }) => action === 'migrate_success')).toMatchObject([{ obj_name: 'cpu-of-a' }]);
        expect(events.map(({ user }) => user)).toContain('alertmanager');
        expect(askedOf(place)).toBe(1);
      },
    );

    it('tries a notification again that 503 has answered, until it is taken', async ({ annotate }) => {
      const place = await watched([{ program, httpConfig: BEARER }]);
      await place.serve(place.prometheus.url, { WEBHOOK_TOKEN: TOKEN });
      place.gate.refusals.push(503, 503);
      await crossing(place, 'a', annotate);
      expect(outcomes(place.gate).slice(0, 3)).toEqual([
        [503, undefined],
        [503, undefined],
        [202, 'accepted'],
      ]);
      expect(await counted(place.alertmanagers[0]!.url, 'alertmanager_notifications_failed_total')).toBe(0);
      expect(askedOf(place)).toBe(1);
    });

    it('comes again by itself after a 401, so that a token can be changed', async ({ annotate }) => {
      const place = await watched([{ program, httpConfig: BEARER }]);
      const first = await place.serve(place.prometheus.url, { WEBHOOK_TOKEN: 'another' });
      place.cloud.setGuestCpu('rising-a', 100);
      await until('the token is refused, and no other try made at once', async () => {
        const failed = await counted(place.alertmanagers[0]!.url, 'alertmanager_notifications_failed_total');
        return failed > 0;
      });
      expect(new Set(place.gate.deliveries.map(({ status }) => status))).toEqual(new Set([401]));
      expect(askedOf(place)).toBe(0);
      await first.stop();
      await place.serve(place.prometheus.url, { WEBHOOK_TOKEN: `another,${TOKEN}` });
      await crossing(place, 'a', annotate);
      expect(askedOf(place)).toBe(1);
    });

    it('in a pair that tells everything twice: it is acted on once', async ({ annotate }) => {
      const place = await watched([
        { program, httpConfig: BEARER },
        { program, httpConfig: BEARER },
      ]);
      await place.serve(place.prometheus.url, { WEBHOOK_TOKEN: TOKEN });
      await crossing(place, 'a', annotate);
      await until('both have told', () => Promise.resolve(firing(place.gate).length >= 2));
      const [one, other] = firing(place.gate);
      expect([one?.status, other?.status].sort()).toEqual([200, 202]);
      expect(other?.body.alerts.map(({ labels }) => labels)).toEqual(one?.body.alerts.map(({ labels }) => labels));
      await until('both have said that it is over', () =>
        Promise.resolve(place.gate.deliveries.filter(({ body }) => body.status === 'resolved').length >= 2),
      );
      expect(place.gate.deliveries.map(({ status }) => status).filter((status) => status === 202)).toHaveLength(1);
      expect(askedOf(place)).toBe(1);
    });

    it('tells of two rules at once, evaluation for evaluation: both hosts are relieved', async ({ annotate }) => {
      // The first look is not over before both have come.
      const place = await watched([{ program, httpConfig: BEARER }], (gate) =>
        until('both alerts have come', () => Promise.resolve(gate.arrived >= 2)),
      );
      await place.serve(place.prometheus.url, { WEBHOOK_TOKEN: TOKEN });
      place.cloud.setGuestCpu('rising-b', 100);
      await crossing(place, 'a', annotate);
      await crossing(place, 'b', annotate);
      expect(askedOf(place)).toBe(2);
      expect(firing(place.gate).map(({ status }) => status)).not.toContain(503);
    });
  });
}

for (const [name, program] of [
  ["Debian's vmalert", 'vmalert'],
  ['the newest vmalert', 'vmalert-newest'],
] as const) {
  const missing = whatIsMissing(['victoria-metrics', 'prometheus-alertmanager', program]);
  describe.skipIf(missing !== undefined)(`${name} with VictoriaMetrics${missing ?? ''}`, () => {
    it('tells Alertmanager: a guest moves', async ({ annotate }) => {
      const place = await site();
      onTestFinished(() => place.close());
      const alertmanager = await kept(startAlertmanager(place.webhook, { httpConfig: BEARER }));
      const victoria = await kept(startScrapingVictoria(scraping(1, [place.scrape])));
      await kept(startVmalert(program, { victoria: victoria.url, alertmanager: alertmanager.url }, RULES));
      const receiver = await place.serve(victoria.url, { WEBHOOK_TOKEN: TOKEN });
      await crossing(place, 'a', annotate);
      const told = firing(place.gate).flatMap(({ body }) => body.alerts.map(({ labels }) => labels));
      expect(told).toContainEqual(
        expect.objectContaining({ alertname: 'cpu-of-a', host_id: 'id-a', alertgroup: 'e2e' }),
      );
      await until('the move has arrived', async () =>
        (await receiver.events()).some(({ action }) => action === 'migrate_success'),
      );
      expect(askedOf(place)).toBe(1);
    });
  });
}
