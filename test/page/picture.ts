import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { useBrowser } from './browser.js';
import { plausibleFleet } from './fleet.js';
import { openSite, settled } from './site.js';

const PICTURE = 'src/manual/page.webp';
/** Bytes. */
const LIMIT = 150_000;

/** The page over a simulated fleet: one batch has run, another runs, a plan waits. */
const open = useBrowser();

test('the picture of the page', async () => {
  const site = await openSite({
    fleet: plausibleFleet(40),
    rules: [
      { name: 'prod-cpu', metric: 'cpu.usage_active', threshold: 70, period: '2m' },
      { name: 'prod-mem', metric: 'mem.available', threshold: '48GiB', mode: 'recommend' },
      { name: 'night-cpu', metric: 'cpu.usage_active', threshold: 60, mode: 'recommend' },
    ],
    simulation: { bandwidth: 3000 },
  });
  await site.alert('prod-cpu', 'compute-23');
  await settled(site);
  for (let count = 0; count < 14; count += 1) await site.alert('of-somebody-else', 'compute-1');
  await site.alert('night-cpu', 'compute-38');
  await settled(site);
  await site.alert('prod-cpu', 'compute-4');
  const page = await open(site.url, { viewport: { width: 1440, height: 880 }, deviceScaleFactor: 1.5 });
  await page
    .locator('.moves .number.state', { hasText: /[2-9]\d %/ })
    .first()
    .waitFor();
  const cdp = await page.context().newCDPSession(page);
  const { data } = await cdp.send('Page.captureScreenshot', { format: 'webp', quality: 72 });
  const bytes = Buffer.from(data, 'base64');
  expect(bytes.length).toBeLessThan(LIMIT);
  await writeFile(PICTURE, bytes);
  process.stdout.write(`${PICTURE}: ${Math.round(bytes.length / 1024)} KiB\n`);
  await site.close();
});
