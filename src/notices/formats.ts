import { createHmac } from 'node:crypto';
import type { ChatLine } from './chat-text.js';
import { fitting, lineOf } from './chat-text.js';
import type { Notice } from './notice.js';
import type { FormatName } from './targets.js';

/** A message as it is sent. */
export interface Message {
  /** How many of the notices, from the first, it tells of. */
  tells: number;
  body: string;
  headers?: Record<string, string>;
  /** Put into the address. */
  query?: Record<string, string>;
}

/** What a service says in the body of a 200, where it says it there. */
export type Said =
  | { kind: 'taken' }
  /** Too fast, or busy. */
  | { kind: 'later'; reason: string }
  | { kind: 'refused'; reason: string };

/** How a service wants to be told. */
export interface Format {
  /** Between the beginnings of two messages, ms. */
  paceMs: number;
  /** @param now - ms since the epoch. */
  message(notices: readonly Notice[], secret: string | undefined, now: number): Message;
  /** Absent where the status says it all. */
  answer?(body: string): Said;
}

const TITLE = 'automigrate';

/** One notice a message, as it is. The signature is over `<timestamp>.<body>`. */
const json: Format = {
  paceMs: 0,
  message([notice], secret, now) {
    const body = JSON.stringify(notice);
    const timestamp = String(Math.floor(now / 1000));
    const signature = secret === undefined ? undefined : sha256(secret, `${timestamp}.${body}`).toString('hex');
    return {
      tells: 1,
      body,
      headers: {
        'X-Automigrate-Event': String(notice?.id),
        'X-Automigrate-Timestamp': timestamp,
        ...(signature !== undefined && { 'X-Automigrate-Signature': `sha256=${signature}` }),
      },
    };
  },
};

/**
 * A message a second, a section of at most 3000 characters, and `&`, `<`, `>` escaped; `verbatim` makes no link of what looks like
 * one. https://docs.slack.dev/apis/web-api/rate-limits, https://docs.slack.dev/reference/block-kit/composition-objects/text-object,
 * https://docs.slack.dev/messaging/formatting-message-text
 */
const slack: Format = {
  paceMs: 1100,
  message(notices) {
    // Escaping makes a text up to five times as long; half an entity would be none.
    const escaped = (text: string) =>
      entities(text)
        .slice(0, 2000)
        .replace(/&[a-z]*$/, '');
    const coded = ({ text, link }: ChatLine) => escaped(text) + (link === undefined ? '' : ` <${entities(link)}|open>`);
    const lines = fitting(notices.map(lineOf), 2900, (line) => coded(line).length + 1);
    const section = { type: 'mrkdwn', text: [`*${TITLE}*`, ...lines.map(coded)].join('\n'), verbatim: true };
    const text = [TITLE, ...lines.map((line) => entities(line.text))].join('\n');
    return { tells: lines.length, body: JSON.stringify({ text, blocks: [{ type: 'section', text: section }] }) };
  },
};

/**
 * 100 messages a minute and 5 a second, a body of at most 20 KB. Rich text, since in a plain one `<at user_id="all">` is a
 * mention. The signature is the HMAC of nothing, its key `<timestamp, s>\n<secret>`.
 * https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
 */
const feishu: Format = {
  paceMs: 650,
  message(notices, secret, now) {
    const element = ({ text, link }: ChatLine) => [
      { tag: 'text', text },
      ...(link === undefined ? [] : [{ tag: 'a', text: ' open', href: link }]),
    ];
    const sizeOf = (line: ChatLine) => Buffer.byteLength(JSON.stringify(element(line))) + 1;
    const lines = fitting(notices.map(lineOf), 18_000, sizeOf);
    const timestamp = String(Math.floor(now / 1000));
    const signed = secret !== undefined && {
      timestamp,
      sign: sha256(`${timestamp}\n${secret}`, '').toString('base64'),
    };
    const content = { post: { en_us: { title: TITLE, content: lines.map(element) } } };
    return { tells: lines.length, body: JSON.stringify({ ...signed, msg_type: 'post', content }) };
  },
  // 11232: too many messages.
  answer: (body) => said(body, 'code', 'msg', [11_232]),
};

/**
 * 20 messages a minute; whoever sends more is shut out for ten. Plain text: its markdown documents no way to escape anything, and a
 * text mentions whom `at` lists and nobody else. The signature is of `<timestamp, ms>\n<secret>`, in the address.
 * https://open.dingtalk.com/document/robots/custom-robot-access
 */
const dingtalk: Format = {
  paceMs: 3200,
  message(notices, secret, now) {
    const { lines, content } = plainText(notices, 4000);
    const timestamp = String(now);
    const body = JSON.stringify({ msgtype: 'text', text: { content }, at: { isAtAll: false } });
    if (secret === undefined) return { tells: lines.length, body };
    const sign = sha256(secret, `${timestamp}\n${secret}`).toString('base64');
    return { tells: lines.length, body, query: { timestamp, sign } };
  },
  // -1: busy; the others: too many messages.
  answer: (body) => said(body, 'errcode', 'errmsg', [-1, 130_101, 302_033, 410_100]),
};

/**
 * 20 messages a minute, a text of at most 2048 bytes; its `<@userid>` mentions somebody, also in plain text.
 * https://developer.work.weixin.qq.com/document/path/91770
 */
const wecom: Format = {
  paceMs: 3200,
  message(notices) {
    const { lines, content } = plainText(notices, 2048);
    return { tells: lines.length, body: JSON.stringify({ msgtype: 'text', text: { content } }) };
  },
  // -1: busy; 45009: too many messages.
  answer: (body) => said(body, 'errcode', 'errmsg', [-1, 45_009]),
};

export const FORMATS: Readonly<Record<FormatName, Format>> = { json, slack, feishu, dingtalk, wecom };

function plainText(notices: readonly Notice[], most: number) {
  const written = ({ text, link }: ChatLine) => `\n${text}${link === undefined ? '' : ` ${link}`}`;
  const lines = fitting(notices.map(lineOf), most - TITLE.length, (line) => Buffer.byteLength(written(line)));
  return { lines, content: TITLE + lines.map(written).join('') };
}

/** An answer of the kind `{"errcode":0,"errmsg":"ok"}`. */
function said(body: string, code: string, text: string, passing: readonly number[]): Said {
  const answer = parsed(body);
  const number = answer?.[code];
  if (number === 0) return { kind: 'taken' };
  if (typeof number !== 'number') return { kind: 'refused', reason: `expected an answer with ${code}` };
  const words = answer?.[text];
  const reason = `${code} ${number}: ${typeof words === 'string' ? words.slice(0, 200) : ''}`;
  return { kind: passing.includes(number) ? 'later' : 'refused', reason };
}

function parsed(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function sha256(key: string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function entities(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
