import { describe, expect, it } from 'vitest';
import { parseTargets, wants } from '../../src/notices/targets.js';
import { event } from './support.js';

const targets = (text: string, secret?: string) => {
  const parsed = parseTargets(text, secret);
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.targets;
};
const problems = (text: string) => {
  const parsed = parseTargets(text);
  return parsed.ok ? [] : parsed.problems;
};

describe('NOTIFY_URL', () => {
  it('takes addresses as the services give them, separated by white space or commas', () => {
    const read = targets(
      `https://hooks.slack.com/services/T0/B0/x0 https://open.feishu.cn/open-apis/bot/v2/hook/x1
       https://oapi.dingtalk.com/robot/send?access_token=x2,https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x3
       http://localhost:8080/hook,slack+https://mattermost.example.com/hooks/x4`,
    );
    expect(read.map(({ name }) => name)).toEqual(['1-slack', '2-feishu', '3-dingtalk', '4-wecom', '5-json', '6-slack']);
    expect(read[2]?.url).toBe('https://oapi.dingtalk.com/robot/send?access_token=x2');
  });

  it('keeps what stands behind the # to itself', () => {
    const [read] = targets(
      'dingtalk+https://robots.example.com/send?a=b#name=on-call&actions=migrate_fail,partial&rules=prod-*,db&secret=SEC%23a+b',
    );
    expect(read).toEqual({
      name: 'on-call',
      format: 'dingtalk',
      url: 'https://robots.example.com/send?a=b',
      secret: 'SEC#a+b',
      actions: ['migrate_fail', 'partial'],
      rules: ['prod-*', 'db'],
    });
  });

  it('signs JSON with the common secret, and robots only with their own', () => {
    const read = targets('http://a.example/ feishu+http://b.example/ http://c.example/#secret=own', 'common');
    expect(read.map(({ secret }) => secret)).toEqual(['common', undefined, 'own']);
  });

  it.each([
    ['ftp://a.example/', /^address 1: expected an http or https address, with or without json\+, slack\+/],
    ['http://a.example/ telegram+http://b.example/', /^address 2: expected an http or https address/],
    ['http://me:key@a.example/', /^address 1: a\.example: expected an address without user and password$/],
    ['http://a.example/#actions=moved', /actions: expected all, or some of create, .*, got "moved"$/],
    ['http://a.example/#ruls=x', /^address 1: a\.example: expected name, actions, rules, secret behind the #/],
    ['http://a.example/#rules=', /rules: expected a value/],
    ['http://a.example/#name=a%20b', /name: expected at most 40 letters/],
    ['http://a.example/#name=x http://b.example/#name=x', /^address 2: name: is taken$/],
    ['slack+http://a.example/#secret=x', /secret: slack has no signatures$/],
    [' , ', /^expected one or more addresses$|^address 1/],
  ])('refuses %s, and says what is wrong', (text, problem) => {
    expect(problems(text)).toEqual([expect.stringMatching(problem)]);
  });

  it('repeats nothing of an address but its host', () => {
    const text = 'http://a.example/services/T0KEN?key=S3CRET#secrt=S3CRET2 http://b.example/T0KEN#name=%&secret=S3CRET';
    expect(problems(text).join('\n')).not.toMatch(/T0KEN|S3CRET/);
  });
});

describe('what a target is told', () => {
  const plain = targets('http://a.example/')[0]!;

  it.each(['migrate_fail', 'migrate_error', 'partial', 'find_result_fail', 'recommend_mode', 'stopped'] as const)(
    'by default %s',
    (action) => expect(wants(plain, event({ action }))).toBe(true),
  );

  it.each(['create', 'migrating', 'migrate_success', 'not_needed', 'dropped', 'ignored', 'verified'] as const)(
    'not %s, unless it is asked for',
    (action) => {
      expect(wants(plain, event({ action }))).toBe(false);
      expect(wants(targets(`http://a.example/#actions=${action}`)[0]!, event({ action }))).toBe(true);
      expect(wants(targets('http://a.example/#actions=all')[0]!, event({ action }))).toBe(true);
    },
  );

  it('a pause that a person began, not each alert that a rule lets pass because of others', () => {
    const notes = { text: 'paused by alice', by: 'alice', reason: 'works', since: '2026-11-21T05:00:00Z' };
    expect(wants(plain, event({ action: 'paused', obj_name: 'automigrate', notes }))).toBe(true);
    expect(wants(plain, event({ action: 'paused', notes: 'rule test-cpu pauses' }))).toBe(false);
  });

  it('of the rules that it names, and of the service itself', () => {
    const [prod] = targets('http://a.example/#rules=prod-*,db.1');
    const told = (obj_name: string) => wants(prod!, event({ obj_name }));
    expect(['prod-cpu', 'prod-', 'db.1', 'automigrate'].map(told)).toEqual([true, true, true, true]);
    expect(['preprod-cpu', 'prod', 'dbx1', 'db.11'].map(told)).toEqual([false, false, false, false]);
  });
});
