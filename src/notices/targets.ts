import type { EventAction, EventWithText } from '../journal/events.js';
import { EVENT_ACTIONS } from '../journal/events.js';
import { isToldByDefault } from './notice.js';

export const FORMAT_NAMES = ['json', 'slack', 'feishu', 'dingtalk', 'wecom'] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/** Somebody who is told, and of what. */
export interface NoticeTarget {
  /** For logs and metrics: holds no secret. */
  name: string;
  format: FormatName;
  /** Whole address, without the fragment. It holds the right to write there, so it stands in no log. */
  url: string;
  /** What its messages are signed with; absent: not at all. */
  secret?: string;
  /** Which events; absent: those that are told by default. */
  actions?: readonly EventAction[] | 'all';
  /** Of which rules: names, `*` for anything; absent: of all. */
  rules?: readonly string[];
}

/** Targets, or what is wrong with their addresses; no line repeats more of an address than its host. */
export type ParsedTargets = { ok: true; targets: NoticeTarget[] } | { ok: false; problems: string[] };

/** Whose format the addresses of known services are in. */
const KNOWN_HOSTS: readonly (readonly [RegExp, FormatName])[] = [
  [/^hooks\.slack\.com$/, 'slack'],
  [/^open\.(feishu\.cn|larksuite\.com)$/, 'feishu'],
  [/^oapi\.dingtalk\.(com|io)$/, 'dingtalk'],
  [/^qyapi\.weixin\.qq\.com$/, 'wecom'],
];

const ADDRESS = new RegExp(`^(?:(${FORMAT_NAMES.join('|')})\\+)?(https?://.+)$`, 'i');
const KEYS = ['name', 'actions', 'rules', 'secret'] as const;
/** The rule of events about the whole service. */
const SERVICE = 'automigrate';

/**
 * Reads addresses such as `slack+https://hooks.example.com/T0/B0#actions=migrate_fail,partial&rules=prod-*`, separated by white
 * space, or by commas. What stands behind `#` is for us and is never sent.
 * @param secret - signs the messages of targets of the format `json` that have no secret of their own.
 */
export function parseTargets(text: string, secret?: string): ParsedTargets {
  const words = text.split(/\s+|,(?=(?:[a-z]+\+)?https?:\/\/)/i).filter((word) => word !== '');
  const problems: string[] = [];
  const targets: NoticeTarget[] = [];
  words.forEach((word, index) => {
    const read = targetOf(word, index + 1, secret);
    if (typeof read === 'string') problems.push(`address ${index + 1}: ${read}`);
    else if (targets.some(({ name }) => name === read.name)) problems.push(`address ${index + 1}: name: is taken`);
    else targets.push(read);
  });
  if (words.length === 0) problems.push('expected one or more addresses');
  return problems.length > 0 ? { ok: false, problems } : { ok: true, targets };
}

/** A target, or what is wrong with it. */
function targetOf(word: string, number: number, common: string | undefined): NoticeTarget | string {
  const [, given, address = ''] = ADDRESS.exec(word) ?? [];
  if (!URL.canParse(address)) {
    return `expected an http or https address, with or without ${FORMAT_NAMES.map((name) => `${name}+`).join(', ')} before it`;
  }
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') return `${url.host}: expected an address without user and password`;
  const format = formatOf(given, url);
  const fragment = readFragment(url.hash);
  url.hash = '';
  if (typeof fragment === 'string') return `${url.host}: ${fragment}`;
  const { name = `${number}-${format}`, actions, rules, secret = format === 'json' ? common : undefined } = fragment;
  if (!/^[\w.-]{1,40}$/.test(name)) return `${url.host}: name: expected at most 40 letters, digits, ".", "_" and "-"`;
  if (secret !== undefined && (format === 'slack' || format === 'wecom')) {
    return `${url.host}: secret: ${format} has no signatures`;
  }
  const unknown = (actions ?? []).filter((action) => action !== 'all' && !isAction(action));
  if (unknown.length > 0) {
    return `${url.host}: actions: expected all, or some of ${EVENT_ACTIONS.join(', ')}, got "${unknown.join(', ')}"`;
  }
  return {
    name,
    format,
    url: url.href,
    ...(secret !== undefined && { secret }),
    ...(actions && { actions: actions.includes('all') ? 'all' : actions.filter(isAction) }),
    ...(rules && { rules }),
  };
}

function formatOf(given: string | undefined, { hostname }: URL): FormatName {
  const named = FORMAT_NAMES.find((name) => name === given?.toLowerCase());
  return named ?? KNOWN_HOSTS.find(([host]) => host.test(hostname))?.[1] ?? 'json';
}

interface Fragment {
  name?: string;
  secret?: string;
  actions?: string[];
  rules?: string[];
}

/** What stands behind `#`, or what is wrong with it. A plus is a plus there: secrets hold some. */
function readFragment(hash: string): Fragment | string {
  const read: Fragment = {};
  for (const part of hash.slice(1).split('&')) {
    if (part === '') continue;
    const [, key = part, coded = ''] = /^([^=]*)=(.*)$/.exec(part) ?? [];
    const known = KEYS.find((each) => each === key);
    // Not repeated: it may be a piece of a secret.
    if (!known) return `expected ${KEYS.join(', ')} behind the #, each with "=" and a value, separated by "&"`;
    const value = decoded(coded);
    if (value === undefined || value === '') return `${known}: expected a value, percent-encoded where it has to be`;
    if (known === 'name' || known === 'secret') read[known] = value;
    else read[known] = value.split(',').filter((each) => each !== '');
  }
  return read;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function isAction(word: string): word is EventAction {
  return EVENT_ACTIONS.some((action) => action === word);
}

/** Whether a target wants to be told of an event. What is about the whole service is about every rule. */
export function wants({ actions, rules }: NoticeTarget, event: EventWithText): boolean {
  const isMeant = actions === undefined ? isToldByDefault(event) : actions === 'all' || actions.includes(event.action);
  if (!isMeant) return false;
  return rules === undefined || event.obj_name === SERVICE || rules.some((rule) => matches(rule, event.obj_name));
}

function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(name);
}
