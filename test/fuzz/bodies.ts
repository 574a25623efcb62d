import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { SENDERS } from '../../src/alerts/alert.js';
import type { Sender } from '../../src/alerts/alert.js';

/** One request to a webhook. */
export interface Shot {
  sender: Sender;
  headers: Record<string, string>;
  body: Buffer;
}

/** Words that have meant something to some system. */
export const HOSTILE = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  '/proc/self/environ',
  '..\\..\\windows',
  'file:///etc/passwd',
  'http://169.254.169.254/latest/meta-data',
  '$(reboot)',
  '`reboot`',
  '; rm -rf / #',
  "' OR '1'='1",
  "'; DROP SERIES FROM cpu; --",
  '"} or vector(1) #',
  '{{.Env}}',
  '${jndi:ldap://x}',
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '\u001b[2J\u001b[31mred',
  '\u001b]0;title\u0007',
  'line\r\nlevel=fatal msg="forged"',
  '\u0000',
  '\ud800',
  '\u202eevil',
  '𝕳𝖔𝖘𝖙',
  'a'.repeat(5000),
  'NaN',
  '-1',
  '1e999',
  '9999999999999999999999',
  'AlertName: x\nTime: y\nTriggerCondition: z',
  '- a.cpu.usage_active: 99%',
  '资源名称：\n- x.mem.available: 1Gbyte',
  '%s%s%n',
  '127.0.0.1',
  '[::1]:9100',
] as const;

const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -0,
  -1,
  1e308,
  0.1,
  2 ** 53,
  [],
  {},
  [[]],
  [null],
  [{}],
  { a: null },
  Array.from({ length: 50 }, (_, index) => index),
];

/** What bodies are made with: the same seed makes the same bodies. */
export class Fuzzer {
  readonly #fixtures: readonly { sender: Sender; body: unknown }[];
  #state: number;
  #strange: readonly string[] = [];

  /** @param fixtures - real bodies, and whose they are. */
  constructor(seed: number, fixtures: readonly { sender: Sender; body: unknown }[]) {
    this.#state = seed >>> 0;
    this.#fixtures = fixtures;
  }

  next(): Shot {
    const { sender, body } = this.#pick(this.#fixtures);
    const to = this.#chance(0.9) ? sender : this.#pick(SENDERS);
    const text = this.#chance(0.03) ? this.#strangeText() : this.#damaged(JSON.stringify(this.#mutated(body)));
    return this.#wrapped(to, text);
  }

  /** 0 ≤ x < 1 (mulberry32). */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  /** Any JSON at all, or any text at all. */
  #strangeText(): string {
    if (this.#strange.length === 0) {
      const any = fc.oneof(fc.json(), fc.json({ maxDepth: 8 }), fc.string({ unit: 'binary' }), fc.string());
      this.#strange = fc.sample(any, { numRuns: 500, seed: this.#below(2 ** 31) });
    }
    const [first = '', ...rest] = this.#strange;
    this.#strange = rest;
    return first;
  }

  #mutated(body: unknown): unknown {
    const copy = structuredClone(body);
    for (let count = this.#below(5); count > 0; count -= 1) this.#mutate(copy);
    return copy;
  }

  /** Changes one place somewhere in a value. */
  #mutate(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const keys = Object.keys(value);
    const record = value as Record<string, unknown>;
    const key = keys.length > 0 ? this.#pick(keys) : 'x';
    const child = record[key];
    if (typeof child === 'object' && child !== null && this.#chance(0.75)) {
      this.#mutate(child);
      return;
    }
    switch (this.#below(8)) {
      case 0:
        Reflect.deleteProperty(record, key);
        break;
      case 1:
        record[key] = structuredClone(this.#pick(ODD));
        break;
      case 2:
        // Not an assignment: that would set the prototype.
        Object.defineProperty(record, this.#pick(HOSTILE), {
          value: structuredClone(child),
          enumerable: true,
          configurable: true,
          writable: true,
        });
        break;
      case 3:
        record[key] = typeof child === 'string' ? child + this.#pick(HOSTILE) : [child];
        break;
      case 4:
        record[key] = { [key]: child };
        break;
      case 5:
        // A list of ours may have a `constructor` by now, by which slice() would make its copy.
        if (Array.isArray(value)) value.push(...Array.from(structuredClone(value) as unknown[]).slice(0, 20));
        else record[key] = JSON.stringify(child);
        break;
      case 6:
        if (keys.length > 1) record[key] = structuredClone(record[this.#pick(keys)]);
        break;
      default:
        record[key] = this.#pick(HOSTILE);
    }
  }

  /** Mostly left as it is; else bytes are lost, doubled or replaced. */
  #damaged(text: string): string {
    if (!this.#chance(0.15)) return text;
    const at = this.#below(text.length + 1);
    const to = Math.min(text.length, at + this.#below(40));
    switch (this.#below(4)) {
      case 0:
        return text.slice(0, at);
      case 1:
        return text.slice(0, at) + text.slice(to);
      case 2:
        return text.slice(0, to) + text.slice(at);
      default:
        return text.slice(0, at) + this.#pick(HOSTILE) + text.slice(to);
    }
  }

  #wrapped(sender: Sender, text: string): Shot {
    const headers: Record<string, string> = { 'Content-Type': 'application/json' };
    let body = Buffer.from(text);
    if (this.#chance(0.98)) return { sender, headers, body };
    switch (this.#below(6)) {
      case 0:
        headers['Content-Type'] = this.#pick([
          'text/plain',
          'application/json; charset=utf-16',
          'application/x+json',
          ';',
          'json',
        ]);
        break;
      case 1:
        headers['Content-Encoding'] = 'gzip';
        body = gzipSync(body);
        break;
      case 2:
        headers['Content-Encoding'] = this.#pick(['gzip', 'br', 'deflate', 'zstd', 'x']);
        break;
      case 3:
        headers['X-Yunion-Event'] = this.#pick(['SERVER/MIGRATE/FAILED', '/', 'x'.repeat(1000)]);
        break;
      case 4:
        headers.Authorization = this.#pick(['Bearer', 'Basic !!!!', 'Bearer x y z', `Basic ${'A'.repeat(4000)}`]);
        break;
      default:
        // Not UTF-8.
        body = Buffer.concat([body.subarray(0, this.#below(body.length + 1)), Buffer.from([0xff, 0xc0, 0x80]), body]);
    }
    return { sender, headers, body };
  }
}
