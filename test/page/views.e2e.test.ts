import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { barriers, hasBrowser, shoot, useBrowser } from './browser.js';
import { plausibleFleet } from './fleet.js';
import type { Site } from './site.js';
import { openSite, settled } from './site.js';

describe.runIf(hasBrowser)('every view', () => {
  const open = useBrowser();
  let site: Site;
  let batch: string;
  let plan: string;
  beforeAll(async () => {
    site = await openSite({
      fleet: plausibleFleet(40),
      rules: [
        { name: 'prod-cpu', metric: 'cpu.usage_active', threshold: 70, period: '2m' },
        { name: 'prod-mem', metric: 'mem.available', threshold: '48GiB', mode: 'recommend' },
        { name: 'night-cpu', metric: 'cpu.usage_active', threshold: 60, mode: 'recommend' },
      ],
      simulation: { bandwidth: 60_000 },
    });
    await site.alert('night-cpu', 'compute-4');
    await settled(site);
    for (let count = 0; count < 5; count += 1) await site.alert('of-somebody-else', 'compute-1');
    await site.alert('prod-cpu', 'compute-23');
    await settled(site);
    const { events } = await site.get<{ events: { action: string; batch?: string }[] }>('/api/events');
    batch = events.find(({ action }) => action === 'migrating')?.batch ?? 'none';
    plan = (await site.get<{ plans: { id: string }[] }>('/api/plans')).plans[0]?.id ?? 'none';
  });
  afterAll(() => site.close());

  /** Where to go, and what is there once the view stands. */
  const views = (): Record<string, [path: string, stands: string]> => ({
    overview: ['/?', 'text=compute-40'],
    hosts: ['/?view=hosts', 'text=compute-40'],
    story: ['/?view=story', 'text=5 alerts ignored'],
    rules: ['/?view=rules', 'text=moves by itself'],
    manual: ['/manual/design?', 'text=The walk of an alert'],
    api: ['/openapi?', 'code:has-text("/webhooks/alertmanager")'],
    host: ['/?host=id-compute-4', '.chart canvas'],
    batch: [`/?batch=${batch}`, 'text=Everything that was recorded'],
    plan: [`/?plan=${plan}`, '.drawer .ticks'],
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test.each(['overview', 'hosts', 'story', 'rules', 'manual', 'api', 'host', 'batch', 'plan'])(
      `%s stands in ${colorScheme} and puts no serious barrier in anybody's way`,
      async (name) => {
        const [path, stands] = views()[name] ?? ['/', 'body'];
        const page = await open(site.url + path, { colorScheme });
        await page.locator(stands).first().waitFor();
        await page.locator('.mood strong', { hasText: 'Ready' }).waitFor();
        await shoot(page, `${name}-${colorScheme}`);
        expect(await barriers(page)).toEqual([]);
      },
    );
  }

  test.each(['overview', 'hosts', 'story', 'rules', 'manual', 'api', 'host', 'batch', 'plan'])(
    '%s fits a phone, without scrolling sideways',
    async (name) => {
      const [path, stands] = views()[name] ?? ['/', 'body'];
      const page = await open(site.url + path, { viewport: { width: 390, height: 844 } });
      await page.locator(stands).first().waitFor();
      await shoot(page, `${name}-phone`);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(sideways).toBeLessThanOrEqual(0);
      expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThan(20_000);
    },
  );

  test('in Chinese, by the address or by the browser', async () => {
    const asked = await open(`${site.url}/?lang=zh`);
    await asked.locator('.mood strong', { hasText: '就绪' }).waitFor();
    expect(await asked.locator('html').getAttribute('lang')).toBe('zh-CN');
    expect(await asked.title()).toContain('台超阈值');
    await shoot(asked, 'overview-zh');
    const own = await open(`${site.url}/?view=rules`, { locale: 'zh-CN' });
    await own.locator('text=自动迁移').first().waitFor();
    expect(await barriers(own)).toEqual([]);
  });

  test('the address holds where one is: a link shows a colleague the same, and Back goes back', async () => {
    const page = await open(`${site.url}/?view=hosts`);
    await page.getByLabel('Name, id, address, tag').fill('compute-1');
    await page.getByLabel('Zone').selectOption('az-2');
    await page.locator('text=compute-10').first().click();
    await page.locator('.drawer h2', { hasText: 'compute-10' }).waitFor();
    const colleague = await open(page.url());
    await colleague.locator('.drawer h2', { hasText: 'compute-10' }).waitFor();
    expect(await colleague.getByLabel('Name, id, address, tag').inputValue()).toBe('compute-1');
    await page.goBack();
    await page.locator('.drawer').waitFor({ state: 'detached' });
    expect(await page.getByLabel('Zone').inputValue()).toBe('az-2');
  });

  test('the keyboard alone opens a host and closes it', async () => {
    const page = await open(`${site.url}/?view=hosts`);
    await page.locator('text=compute-40').waitFor();
    await page.locator('.row .name a').first().focus();
    await page.keyboard.press('Enter');
    await page.locator('.drawer h2:focus').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.drawer').waitFor({ state: 'detached' });
  });

  test('a host tells its guests by weight, its course, its risk, and why it was relieved', async () => {
    const page = await open(`${site.url}/?host=id-compute-23`);
    const drawer = page.locator('.drawer');
    await drawer.locator('.chart canvas').first().waitFor();
    const weights = await drawer.locator('.guests tbody td:nth-child(2)').allTextContents();
    const figures = weights.map((text) => Number.parseFloat(text));
    expect(figures.length).toBeGreaterThan(3);
    expect(figures).toEqual([...figures].sort((a, b) => b - a));
    await drawer.locator('text=Past the threshold of').first().waitFor();
    await drawer.locator('.marks', { hasText: 'left' }).first().waitFor();
    await drawer
      .locator('section', { hasText: 'Why it was, or was not, relieved' })
      .locator('text=has moved')
      .waitFor();
  });

  test('a batch tells its readings, who was refused by reason, and every event', async () => {
    const page = await open(`${site.url}/?batch=${batch}`);
    const drawer = page.locator('.drawer');
    await drawer.locator('text=over the threshold of 70 %').waitFor();
    await drawer.locator('.groups li', { hasText: 'disabled' }).waitFor();
    await drawer.locator('.loads .source', { hasText: 'compute-23' }).waitFor();
  });

  test('the story is filtered by the receiver, and the filter stands in the address', async () => {
    const page = await open(`${site.url}/?view=story`);
    await page.locator('text=5 alerts ignored').waitFor();
    await page.getByLabel('Rule', { exact: true }).selectOption('prod-cpu');
    await page.locator('text=alerts ignored').waitFor({ state: 'detached' });
    await page.locator('.stories', { hasText: 'moved' }).waitFor();
    expect(page.url()).toContain('rule=prod-cpu');
    await page.getByLabel('Host', { exact: true }).fill('compute-99');
    await page.keyboard.press('Enter');
    await page.locator('text=Nothing fits.').waitFor();
  });

  test('the story goes on as it happens', async () => {
    const page = await open(`${site.url}/?view=story`);
    await page.locator('text=That is all there is.').waitFor();
    await site.alert('night-cpu', 'compute-38');
    await settled(site);
    await page.locator('.stories > li.batch', { hasText: 'night-cpu' }).nth(1).waitFor();
  });

  test('a rule is tried, and moves nothing', async () => {
    const page = await open(`${site.url}/?view=rules`);
    const rule = page.locator('article.rule', { hasText: 'night-cpu' });
    await rule.getByLabel('Hosts that would alert').fill('compute-4');
    await rule.getByRole('button', { name: 'Try it' }).click();
    await rule.locator('text=would relieve every host').waitFor();
    await rule.locator('.loads .source', { hasText: 'compute-4' }).waitFor();
    expect((await site.get<{ batch: unknown }>('/api/batch')).batch).toBeNull();
  });

  test('a link of a chapter leads to its heading, in the language that one reads', async () => {
    const page = await open(`${site.url}/manual/design?lang=zh`);
    const link = page.locator('.prose a[href^="/manual/"]').first();
    const [, chapter = ''] = /^\/manual\/([\w-]+)/.exec((await link.getAttribute('href')) ?? '') ?? [];
    await link.click();
    await page.waitForURL((url) => url.pathname === `/manual/${chapter}` && url.search === '?lang=zh');
    await page.locator('.prose h1').waitFor();
  });

  test('the manual is searched', async () => {
    const page = await open(`${site.url}/manual`);
    await page.getByLabel('Search the manual').fill('steer');
    await page.locator('.hits a').first().click();
    await page.locator('.prose').waitFor();
    expect(page.url()).toContain('#');
  });
});
