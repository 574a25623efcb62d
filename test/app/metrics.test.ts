import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { hasPromtool, promtool } from '../support/promtool.js';
import { start } from '../support/started.js';

const firing = (labels: Record<string, string> = {}, status = 'firing') => ({
  alerts: [{ status, labels: { alertname: 'test-cpu', host: 'a', ...labels } }],
});

/** A receiver whose metrics can be asked for one by one. */
async function scraped(...args: Parameters<typeof start>) {
  const started = await start(...args);
  const scrape = async () => (await fetch(`${started.url}/metrics`)).text();
  const value = async (sample: string) => {
    const line = (await scrape()).split('\n').find((each) => each.startsWith(`${sample} `));
    return line === undefined ? undefined : Number(line.slice(sample.length + 1));
  };
  const settled = () => started.receiver.service.idle();
  return { ...started, scrape, value, settled };
}

const stuck = () => scenario(fleet([host('a', 70), host('b', 59.9)], [guest('g', 'a', 60, { vmem_size: 1 })]));
const failing = () =>
  scenario(fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60, { vmem_size: 1 })]), { fail: ['g'] });

describe('/metrics', () => {
  it('has from the start, with 0, all that can be known in advance', async () => {
    const { value, scrape } = await scraped({ NOTIFY_URL: 'http://127.0.0.1:9/x#name=ops' });
    for (const sample of [
      'automigrate_alerts_total{sender="grafana",rule="test-cpu",outcome="dropped"}',
      'automigrate_alerts_total{sender="monitor",rule="none",outcome="ignored"}',
      'automigrate_webhooks_total{sender="monitor",outcome="unauthorized"}',
      'automigrate_moves_total{rule="test-cpu",result="failed"}',
      'automigrate_move_duration_seconds_count{rule="test-cpu",result="succeeded"}',
      'automigrate_moved_memory_bytes_total{rule="test-cpu"}',
      'automigrate_decision_duration_seconds_bucket{le="+Inf",rule="test-cpu"}',
      'automigrate_decisions_total{rule="test-cpu",outcome="partial"}',
      'automigrate_verifications_total{rule="test-cpu",outcome="off"}',
      'automigrate_prediction_error_ratio_sum{rule="test-cpu"}',
      'automigrate_hosts_unrelieved{rule="test-cpu"}',
      'automigrate_events_total{action="migrate_error"}',
      'automigrate_notices_total{target="ops",result="failed"}',
      'automigrate_notices_waiting{target="ops"}',
      'automigrate_auth_failures_total{door="api"}',
      'automigrate_batch_running',
      'automigrate_paused',
      'automigrate_plans_waiting',
      'automigrate_problems',
      'automigrate_journal_write_errors_total',
    ]) {
      expect([sample, await value(sample)]).toEqual([sample, 0]);
    }
    expect(await value('automigrate_budget_remaining_migrations{window="hour"}')).toBe(100);
    expect(await value('automigrate_budget_remaining_migrations{window="day"}')).toBe(500);
    expect(await value('automigrate_budget_remaining_bytes{window="hour"}')).toBe(1024 ** 4);
    expect(await value('automigrate_rules')).toBe(1);
    await expect.poll(() => value('automigrate_cloud_up')).toBe(1);
    await expect.poll(() => value('automigrate_metrics_up')).toBe(1);
    expect(await scrape()).toMatch(/^automigrate_build_info\{version="\d+\.\d+\.\d+",node="\d+\.\d+\.\d+"\} 1$/m);
  });

  it.skipIf(!hasPromtool)('is as Prometheus wants it', async () => {
    const { scrape, post, settled } = await scraped({ NOTIFY_URL: 'http://127.0.0.1:9/x' });
    await post('alertmanager', firing());
    await settled();
    expect(promtool(['check', 'metrics'], await scrape())).toEqual({ status: 0, said: '' });
  });

  it('is what the manual says', async () => {
    const { scrape } = await scraped({ NOTIFY_URL: 'http://127.0.0.1:9/x' });
    const names = [...(await scrape()).matchAll(/^# TYPE (automigrate_\w+) /gm)].map(([, name]) => name!);
    const readme = readFileSync(new URL('../../src/manual/en/monitoring.md', import.meta.url), 'utf8');
    const rows = readme.split('\n').filter((line) => line.startsWith('| `automigrate_'));
    const told = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
    expect(told.sort()).toEqual(names.sort());
  });

  it('tells of an alert, its decision, and the move', async () => {
    const { post, value, settled } = await scraped();
    await post('alertmanager', firing());
    await settled();
    expect(await value('automigrate_alerts_total{sender="alertmanager",rule="test-cpu",outcome="accepted"}')).toBe(1);
    expect(await value('automigrate_decisions_total{rule="test-cpu",outcome="migrate"}')).toBe(1);
    expect(await value('automigrate_decision_duration_seconds_count{rule="test-cpu"}')).toBe(1);
    expect(await value('automigrate_readings_age_seconds{rule="test-cpu"}')).toBeGreaterThanOrEqual(0);
    expect(await value('automigrate_moves_total{rule="test-cpu",result="succeeded"}')).toBe(1);
    expect(await value('automigrate_move_duration_seconds_count{rule="test-cpu",result="succeeded"}')).toBe(1);
    expect(await value('automigrate_moved_memory_bytes_total{rule="test-cpu"}')).toBe(1024 ** 2);
    expect(await value('automigrate_budget_remaining_migrations{window="hour"}')).toBe(99);
    // A tenth of a guest would help nobody: a day has at least twenty.
    expect(await value('automigrate_budget_remaining_migrations{window="day"}')).toBe(19);
    expect(await value('automigrate_budget_remaining_bytes{window="hour"}')).toBe(1024 ** 4 - 1024 ** 2);
    expect(await value('automigrate_hosts_unrelieved{rule="test-cpu"}')).toBe(0);
    expect(await value('automigrate_events_total{action="migrate_success"}')).toBe(1);
  });

  it('tells of a move that failed', async () => {
    const { post, value, settled } = await scraped({}, undefined, undefined, failing());
    await post('alertmanager', firing());
    await settled();
    expect(await value('automigrate_moves_total{rule="test-cpu",result="failed"}')).toBeGreaterThan(0);
    expect(await value('automigrate_moved_memory_bytes_total{rule="test-cpu"}')).toBe(0);
  });

  it('tells how many hosts are over and not relieved, until their alert is resolved', async () => {
    const { post, value, settled } = await scraped({}, undefined, undefined, stuck());
    await post('alertmanager', firing());
    await settled();
    expect(await value('automigrate_decisions_total{rule="test-cpu",outcome="find_result_fail"}')).toBe(1);
    expect(await value('automigrate_hosts_unrelieved{rule="test-cpu"}')).toBe(1);
    await post('alertmanager', firing({}, 'resolved'));
    expect(await value('automigrate_hosts_unrelieved{rule="test-cpu"}')).toBe(0);
    expect(await value('automigrate_alerts_total{sender="alertmanager",rule="test-cpu",outcome="resolved"}')).toBe(1);
  });

  it('counts a host whose relief waits for an approval, and the plan', async () => {
    const { post, value, settled } = await scraped({}, [{ name: 'test-cpu', mode: 'recommend' }]);
    await post('alertmanager', firing());
    await settled();
    expect(await value('automigrate_plans_waiting')).toBe(1);
    expect(await value('automigrate_hosts_unrelieved{rule="test-cpu"}')).toBe(1);
  });

  it('takes no label from outside, whatever alerts are called', async () => {
    const { post, value, scrape } = await scraped();
    const own = async () => (await scrape()).split('\n').filter((line) => line.startsWith('automigrate_')).length;
    const before = await own();
    for (let index = 0; index < 50; index += 1)
      await post('alertmanager', firing({ alertname: `unheard-of-${index}` }));
    expect(await own()).toBe(before);
    expect(await scrape()).not.toContain('unheard-of');
    expect(await value('automigrate_alerts_total{sender="alertmanager",rule="none",outcome="ignored"}')).toBe(50);
  });

  it('has a rule that is added while it runs', async () => {
    const { directory, value } = await scraped();
    await writeFile(
      join(directory, 'rules', 'later.json'),
      JSON.stringify({ name: 'later', metric: 'cpu.usage_active', threshold: 70 }),
    );
    await expect
      .poll(() => value('automigrate_moves_total{rule="later",result="failed"}'), { timeout: 10_000 })
      .toBe(0);
    await expect.poll(() => value('automigrate_hosts_unrelieved{rule="later"}')).toBe(0);
  });
});
