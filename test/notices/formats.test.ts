import { describe, expect, it } from 'vitest';
import type { NewEvent } from '../../src/journal/events.js';
import { FORMATS } from '../../src/notices/formats.js';
import { noticeOf } from '../../src/notices/notice.js';
import { event } from './support.js';

const NOW = Date.parse('2026-11-21T05:00:00Z');
const PUBLIC = 'https://automigrate.example.com/base/?tab=1';

/** What a guest's name may try: mentions, links, tags, another line, another writing direction. */
const EVIL =
  'vm <!channel> <@U1> <http://evil.example|log in> <at user_id="all">all</at> @all @everyone [log in](http://evil.example) https://evil.example\nautomigrate: all is well\u202e';
const evil = () => noticeOf(event({ notes: `guest ${EVIL} did not move` }), PUBLIC);
const many = (count: number, notes = 'host a15 stays over') =>
  Array.from({ length: count }, () => noticeOf(event({ notes })));

interface Sent {
  text: string & { content?: string };
  content: { post: { en_us: { title: string; content: { tag: string; text: string; href?: string }[][] } } };
  blocks: { type: string; text: { type: string; text: string; verbatim: boolean } }[];
  timestamp?: string;
  sign?: string;
  at?: { isAtAll: boolean };
}
const sent = (
  format: keyof typeof FORMATS,
  notices: Parameters<(typeof FORMATS)['json']['message']>[0],
  secret?: string,
) => {
  const message = FORMATS[format].message(notices, secret, NOW);
  return { ...message, body: JSON.parse(message.body) as Sent };
};
/** All that a chat shows, and reads mentions and links out of. */
const shown = (format: keyof typeof FORMATS, { text, content, blocks }: Sent): string =>
  format === 'slack'
    ? `${text}\n${blocks[0]?.text.text}`
    : format === 'feishu'
      ? content.post.en_us.content
          .flat()
          .map((part) => part.text)
          .join('\n')
      : (text as { content?: string }).content!;

describe.each(['slack', 'feishu', 'dingtalk', 'wecom'] as const)('a message for %s', (format) => {
  it('says what happened, of which rule, when, and where to look', () => {
    const { body } = sent(format, [noticeOf(event({ batch: 'b1' }), PUBLIC)]);
    expect(shown(format, body)).toContain('test-cpu partial (2026-11-21 05:00 UTC): host a15 stays over its threshold');
    expect(JSON.stringify(body)).toMatch(/https:\/\/automigrate\.example\.com\/base\/\?tab=1&(amp;)?batch=b1/);
    // The word that a robot may be set to look for.
    expect(format === 'feishu' ? body.content.post.en_us.title : shown(format, body)).toMatch(/^\*?automigrate/);
  });

  it('holds no mention, link or tag that stands in a name', () => {
    const text = shown(format, sent(format, [evil()]).body);
    const ours = text.replaceAll(/<?https:\/\/automigrate\.example\.com[^\s>]*(\|open>)?/g, '');
    expect(ours).not.toMatch(/:\/\/|@|<(?=[a-z!/])|\u202e/i);
    expect(ours).toContain('evil.example');
    expect(ours.split('\n').filter((line) => line.startsWith('automigrate:'))).toEqual([]);
  });

  it('joins what waits, no more than the service takes', () => {
    const few = sent(format, many(3));
    expect(few.tells).toBe(3);
    const huge = sent(format, many(1000, `${'迁'.repeat(300)}<&>"${'x'.repeat(3000)}`));
    expect(huge.tells).toBeGreaterThan(0);
    expect(huge.tells).toBeLessThanOrEqual(20);
    const text = shown(format, huge.body);
    const limit = { slack: 3000, feishu: 20_000, dingtalk: 20_000, wecom: 2048 }[format];
    if (format === 'slack') expect(huge.body.blocks[0]!.text.text.length).toBeLessThanOrEqual(limit);
    else if (format === 'feishu') expect(Buffer.byteLength(JSON.stringify(huge.body))).toBeLessThanOrEqual(limit);
    else expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit);
    expect(text).not.toContain('\ufffd');
  });

  it('fits even where every character has to be escaped', () => {
    const { body, tells } = sent(format, many(5, '&<>"\\'.repeat(3000)));
    expect(tells).toBeGreaterThan(0);
    if (format === 'slack') {
      expect(body.blocks[0]!.text.text.length).toBeLessThanOrEqual(3000);
      expect(body.blocks[0]!.text.text.replaceAll(/&(amp|lt|gt);/g, '')).not.toContain('&');
    }
    if (format === 'feishu') expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThanOrEqual(20_000);
  });

  it('is sent no faster than the service allows', () => {
    const perMinute = { slack: 60, feishu: 100, dingtalk: 20, wecom: 20 }[format];
    expect(1 + Math.floor(60_000 / FORMATS[format].paceMs)).toBeLessThanOrEqual(perMinute);
  });
});

describe('signatures', () => {
  // Computed with Python's hmac and base64, by the words of the services' documents.
  it('of Feishu stand in the body', () => {
    expect(sent('feishu', many(1), 'FEISHU-SECRET').body).toMatchObject({
      timestamp: '1795237200',
      sign: 'SokFBpwuGM//qYM/kQgAG3yI3gJ8WD1jLbWA7UJ1vPc=',
      msg_type: 'post',
    });
    expect(sent('feishu', many(1)).body.sign).toBeUndefined();
  });

  it('of DingTalk stand in the address', () => {
    expect(sent('dingtalk', many(1), 'SEC0123').query).toEqual({
      timestamp: '1795237200000',
      sign: 'edw9oooSCgX50Y3hjy0Ne9it/Nxz0hjg7lfZU6CAkEI=',
    });
    expect(sent('dingtalk', many(1)).query).toBeUndefined();
  });
});

describe('a notice in JSON', () => {
  it('has the fields of the event, one notice a message', () => {
    const notes: NewEvent['notes'] = {
      plan: 'plan-1',
      outcome: 'migrate',
      cost: 1024,
      expires_at: '2026-11-22T05:00:00.000Z',
      migrations: [],
    };
    const told = noticeOf(event({ id: 7, action: 'recommended', notes, batch: 'b1' } as never), PUBLIC);
    const { tells, body } = sent('json', [told, ...many(3)]);
    expect(tells).toBe(1);
    expect(body).toEqual({
      id: 7,
      at: '2026-11-21T05:00:00.000Z',
      action: 'recommended',
      rule: 'test-cpu',
      user: 'alertmanager',
      batch: 'b1',
      plan: 'plan-1',
      text: expect.stringContaining('plan plan-1 waits for an approval'),
      link: 'https://automigrate.example.com/base/?tab=1&plan=plan-1',
      notes,
    });
  });
});

describe('what a service answers', () => {
  it.each([
    ['feishu', '{"code":0,"msg":"success"}', 'taken'],
    ['feishu', '{"code":11232,"msg":"frequency limited psm"}', 'later'],
    [
      'feishu',
      '{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}',
      'refused',
    ],
    ['dingtalk', '{"errcode":0,"errmsg":"ok"}', 'taken'],
    ['dingtalk', '{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}', 'later'],
    ['dingtalk', '{"errcode":310000,"errmsg":"sign not match"}', 'refused'],
    ['wecom', '{"errcode":0,"errmsg":"ok"}', 'taken'],
    ['wecom', '{"errcode":45009,"errmsg":"api freq out of limit"}', 'later'],
    ['wecom', '{"errcode":93000,"errmsg":"invalid webhook url"}', 'refused'],
    ['wecom', '<html>a login page</html>', 'refused'],
  ] as const)('%s: %s', (format, body, kind) => {
    expect(FORMATS[format].answer?.(body)).toMatchObject({ kind });
  });
});
