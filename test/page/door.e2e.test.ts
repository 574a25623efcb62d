import { describe, expect, onTestFinished, test } from 'vitest';
import { barriers, hasBrowser, shoot, useBrowser } from './browser.js';
import { plausibleFleet } from './fleet.js';
import { openSite } from './site.js';

const rules = [{ name: 'prod-cpu', metric: 'cpu.usage_active' as const, threshold: 70 }];

describe.runIf(hasBrowser)('the page and its receiver', () => {
  const open = useBrowser();
  const site = async (env: Record<string, string> = {}) => {
    const made = await openSite({ fleet: plausibleFleet(12), rules, env });
    onTestFinished(() => made.close());
    return made;
  };

  test('asks for the token, refuses a wrong one, and opens for the right one', async () => {
    const { url } = await site({ API_TOKEN: 'alice:a-long-enough-secret' });
    const page = await open(url);
    await page.getByLabel('API token').fill('guessed');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.locator('text=That token is not valid.').waitFor();
    await shoot(page, 'door');
    expect(await barriers(page)).toEqual([]);
    await page.getByLabel('API token').fill('a-long-enough-secret');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.locator('text=compute-12').waitFor();
    // It stays as long as the tab, and whoever acts is called by his name.
    await page.reload();
    await page.locator('text=compute-12').waitFor();
    await page.getByRole('button', { name: 'Pause …' }).click();
    await page.getByLabel('Reason').fill('a try');
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.locator('.mood', { hasText: 'Paused by alice' }).waitFor();
  });

  test('says so where no token can open it; the manual is open all the same', async () => {
    const { url } = await site({ WEBHOOK_TOKEN: 'a-long-enough-secret' });
    const page = await open(url);
    await page.locator('text=no API_TOKEN').waitFor();
    const manual = await open(`${url}/manual/design`);
    await manual.locator('text=The walk of an alert').first().waitFor();
  });

  test('says so and dims when nobody answers, and goes on when somebody does', async () => {
    const made = await site();
    const page = await open(made.url);
    await page.locator('text=compute-12').waitFor();
    await made.stop();
    await page.locator('.gone-banner').waitFor();
    await page.locator('.mood', { hasText: 'No answer since' }).waitFor();
    expect(await page.title()).toContain('no answer');
    expect(Number(await page.locator('main').evaluate((main) => getComputedStyle(main).opacity))).toBeLessThan(0.6);
    expect(await page.getByRole('button', { name: 'Pause …' }).isDisabled()).toBe(true);
    await shoot(page, 'gone');
    await made.start();
    await page.locator('.mood', { hasText: 'Ready' }).waitFor();
    await page.locator('.gone-banner').waitFor({ state: 'detached' });
    // It follows again: what happens now is there without loading anew.
    await made.alert('of-somebody-else', 'compute-1');
    await page.locator('.stories', { hasText: '1 alert ignored' }).waitFor();
  });
});
