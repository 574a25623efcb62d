import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkedBy } from '../support/tools.js';
import { whatIsMissing } from './daemon.js';

/** The manual's YAML that begins with this comment. */
async function snippet(comment: string): Promise<string> {
  const chapter = await readFile(new URL('../../src/manual/en/senders.md', import.meta.url), 'utf8');
  const blocks = [...chapter.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);
  const found = blocks.filter((text) => text.startsWith(`# ${comment}`));
  expect(found, `snippets that begin with "# ${comment}"`).toHaveLength(1);
  return found[0]!;
}

// The file as it stands in the manual is one that can be used: nothing has to be guessed around it.
describe("the manual's snippets, as the senders' own tools see them", () => {
  describe.skipIf(whatIsMissing(['amtool']))(`to Alertmanager${whatIsMissing(['amtool']) ?? ''}`, () => {
    it('the configuration of Alertmanager is complete', async () => {
      const text = await snippet('alertmanager.yml');
      expect(await checkedBy('amtool', ['check-config'], { 'snippet.yml': text })).toContain('SUCCESS');
    });

    it('repeats a little before a multiple of its group interval: an exact one is a race that mostly costs another interval', async () => {
      const seconds = async (key: string) => {
        const [, amount, unit] = new RegExp(`${key}: (\\d+)([sm])`).exec(await snippet('alertmanager.yml'))!;
        return Number(amount) * (unit === 'm' ? 60 : 1);
      };
      const [wait, interval, repeat] = await Promise.all(
        ['group_wait', 'group_interval', 'repeat_interval'].map(seconds),
      );
      const under = (interval! - (repeat! % interval!)) % interval!;
      expect(under).toBeGreaterThan(0);
      expect(under).toBeLessThanOrEqual(interval! / 4);
      expect(wait).toBe(5);
    });
  });

  describe.skipIf(whatIsMissing(['promtool']))(`to Prometheus${whatIsMissing(['promtool']) ?? ''}`, () => {
    it('the rules of Prometheus are complete', async () => {
      const text = await snippet('rules/hosts.yml');
      expect(await checkedBy('promtool', ['check', 'rules'], { 'snippet.yml': text })).toContain(
        'SUCCESS: 1 rules found',
      );
    });
  });

  it('the alert looks at the period of the rule that it is for', async () => {
    const chapter = await readFile(new URL('../../src/manual/en/rules.md', import.meta.url), 'utf8');
    const rule = JSON.parse(/```json\n(\{[^`]*?"\$schema"[^`]*?)```/.exec(chapter)![1]!) as {
      name: string;
      period: string;
    };
    const text = await snippet('rules/hosts.yml');
    expect(text).toContain(`alert: ${rule.name}\n`);
    expect(text).toContain(`[${rule.period}]`);
  });
});
