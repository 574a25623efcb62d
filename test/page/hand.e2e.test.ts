import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { fleet, guest, host } from '../support/fleet.js';
import { hasBrowser, shoot, useBrowser } from './browser.js';
import type { Site } from './site.js';
import { openSite, settled } from './site.js';

/** Two hosts past 60 %, each with two guests that would do, and two with room. */
const crowded = () =>
  fleet(
    [host('a', 70), host('b', 71), host('c', 15), host('d', 20)],
    [
      guest('a1', 'a', 60),
      guest('a2', 'a', 60, { vmem_size: 16_384 }),
      guest('b1', 'b', 60, { vmem_size: 32_768 }),
      guest('b2', 'b', 40, { vmem_size: 4096 }),
      guest('b3', 'b', 40, { vmem_size: 4096 }),
    ],
  );

describe.runIf(hasBrowser)('the hand of an operator', () => {
  const open = useBrowser();
  let site: Site;
  const crowdedSite = (bandwidth: number) =>
    openSite({
      fleet: crowded(),
      rules: [
        {
          name: 'cpu',
          metric: 'cpu.usage_active',
          threshold: 60,
          headroom: 0,
          cooldown: '0s',
          source: { hosts: ['a'] },
        },
        {
          name: 'asks',
          metric: 'cpu.usage_active',
          threshold: 60,
          mode: 'recommend',
          headroom: 0,
          cooldown: '0s',
          source: { hosts: ['b'] },
        },
      ],
      simulation: { bandwidth },
    });
  beforeAll(async () => {
    site = await crowdedSite(2048);
  });
  afterAll(() => site.close());

  test('a live migration, from the alert to its end, without loading the page again', async () => {
    const page = await open(site.url);
    await page.locator('text=Nothing is being moved.').waitFor();
    await page.locator('.row.over', { hasText: 'a' }).first().waitFor();
    expect((await site.alert('cpu', 'a')).outcome).toBe('accepted');
    const move = page.locator('.now .moves li').first();
    await move.locator('text=%').waitFor();
    await page.locator('.alerts', { hasText: 'opened a cpu' }).waitFor();
    await expect.poll(() => page.title()).toContain('1 move running');
    await page.locator('.row .chip.move').first().waitFor();
    await shoot(page, 'migrating');
    await page.locator('text=Nothing is being moved.').waitFor();
    await page.locator('.stories .batch', { hasText: '1 moved' }).waitFor();
    // What every host reads has changed with it.
    await page.locator('.row.over', { hasText: /^a/ }).waitFor({ state: 'detached' });
  });

  test('a plan is dismissed, with a reason', async () => {
    await site.alert('asks', 'b');
    await settled(site);
    const page = await open(site.url);
    const plan = page.locator('article.plan').first();
    await plan.locator('.loads .source', { hasText: 'b' }).waitFor();
    await plan.getByRole('button', { name: 'Dismiss …' }).click();
    await plan.getByLabel('Reason').fill('not during the fair');
    await plan.getByRole('button', { name: 'Dismiss', exact: true }).click();
    await page.locator('text=No plan waits for an approval.').waitFor();
    await page.locator('.stories', { hasText: 'dismissed' }).waitFor();
    const { events } = await site.get<{ events: { text: string }[] }>('/api/events?action=dismissed');
    expect(events.at(-1)?.text).toContain('not during the fair');
  });

  test('a plan is approved, and some of its moves are left out', async () => {
    await site.alert('asks', 'b');
    await settled(site);
    const page = await open(site.url);
    const plan = page.locator('article.plan').first();
    await plan.locator('.ticks input').first().waitFor();
    expect(await plan.locator('.ticks input').count()).toBe(2);
    const after = plan.locator('.loads .source td').nth(1);
    await after.locator('text=55.0 %').waitFor();
    await plan.locator('.ticks input').first().uncheck();
    // One guest of 8 points stays.
    await after.locator('text=63.0 %').waitFor();
    await plan.getByRole('button', { name: 'Approve 1 move' }).click();
    await page.locator('.now .moves li').first().waitFor();
    await settled(site);
    await page.locator('.stories', { hasText: '1 moved' }).first().waitFor();
    const { events } = await site.get<{ events: unknown[] }>('/api/events?action=approved');
    expect(events).toHaveLength(1);
  });

  test('the service is paused and resumed; the tab says it too', async () => {
    const page = await open(site.url);
    await page.getByRole('button', { name: 'Pause …' }).click();
    await page.getByLabel('Reason').fill('rack 4 is rebuilt');
    await page.getByLabel('For how long').selectOption('2h');
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.locator('.mood', { hasText: 'Paused by api' }).waitFor();
    await page.locator('.mood', { hasText: 'rack 4 is rebuilt' }).waitFor();
    await expect.poll(() => page.title()).toContain('paused');
    await shoot(page, 'paused');
    expect((await site.alert('cpu', 'a')).outcome).toBe('ignored');
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.locator('.mood', { hasText: 'Ready' }).waitFor();
  });

  test('a running batch is stopped, after one question', async () => {
    const slow = await crowdedSite(256);
    onTestFinished(() => slow.close());
    const page = await open(slow.url);
    await page.locator('.mood', { hasText: 'Ready' }).waitFor();
    expect((await slow.alert('cpu', 'a')).outcome).toBe('accepted');
    await page.locator('.now .moves li').first().waitFor();
    await page.getByRole('button', { name: 'Stop …' }).click();
    await page.getByRole('button', { name: 'Begin nothing more, and cancel what moves' }).click();
    await page.locator('text=Nothing is being moved.').waitFor();
    const { events } = await slow.get<{ events: unknown[] }>('/api/events?action=stopped');
    expect(events.length).toBeGreaterThan(0);
  });
});
