import { describe, expect, it } from 'vitest';
import type { Sight, Sights } from '../../../../src/fleet/clouds/libvirt/follow.js';
import { judgeMove, toSight } from '../../../../src/fleet/clouds/libvirt/follow.js';
import { printed } from './fixtures.js';

const absent: Sight = { at: 'absent' };
const running: Sight = { at: 'present', state: 'running', reason: 'booted' };
const leaving: Sight = { ...running, job: { operation: 'Outgoing migration', progress: 36 } };
const saved: Sight = { ...running, job: { operation: 'Save' } };
const shutOff: Sight = { at: 'present', state: 'shut off', reason: 'migrated' };
const arriving: Sight = { at: 'present', state: 'paused', reason: 'migrating' };
const fetching: Sight = { at: 'present', state: 'running', reason: 'post-copy' };
const switched: Sight = {
  at: 'present',
  state: 'paused',
  reason: 'post-copy',
  job: { operation: 'Outgoing migration' },
};
const torn: Sight = { ...switched, reason: 'post-copy failed' };
const crashed: Sight = { at: 'present', state: 'shut off', reason: 'crashed' };
const paused: Sight = { at: 'present', state: 'paused', reason: 'user' };
const unknown: Sight = { at: 'unknown', error: new Error('a: no answer') };

const judge = (source: Sight, target: Sight, over: Partial<Sights> = {}) =>
  judgeMove({ source: { id: 'a', sight: source }, target: { id: 'b', sight: target }, asking: false, ...over });

describe('a move is judged by what the two daemons tell:', () => {
  it.each<[string, Sight, Sight, object]>([
    ['the source has a job', leaving, arriving, { phase: 'moving', status: 'migrating', progress: 36 }],
    ['the source has a job, the target is silent', leaving, unknown, { phase: 'moving', progress: 36 }],
    ['the source still has a job, the target runs it', leaving, running, { phase: 'moving' }],
    ['the target runs it', absent, running, { phase: 'settled', status: 'running', hostId: 'b' }],
    ['the target runs it, the source is silent', unknown, running, { phase: 'settled', hostId: 'b' }],
    ['the target runs it, the source keeps a definition', shutOff, running, { phase: 'settled', hostId: 'b' }],
    ['it was paused on the target', absent, paused, { phase: 'settled', status: 'paused', hostId: 'b' }],
    ['the source runs it', running, absent, { phase: 'settled', status: 'running', hostId: 'a' }],
    ['the source runs it, the target is silent', running, unknown, { phase: 'settled', hostId: 'a' }],
    ['the source runs it, the copy is not cleared yet', running, arriving, { phase: 'settled', hostId: 'a' }],
    ['the source does something else with it', saved, absent, { phase: 'settled', hostId: 'a' }],
    ['it runs on the target by post-copy', switched, fetching, { phase: 'moving', status: 'migrating' }],
    [
      'it runs on the target by post-copy, the source is silent',
      unknown,
      fetching,
      { phase: 'moving', status: 'post-copy' },
    ],
    ['post-copy broke off', torn, crashed, { phase: 'failed', status: 'postcopy_failed', hostId: 'a' }],
    ['post-copy broke off, both hold it', torn, torn, { phase: 'failed', status: 'postcopy_failed', hostId: 'b' }],
    ['the source has let go, the target not begun', absent, arriving, { phase: 'moving', status: 'arriving' }],
  ])('%s', (_name, source, target, state) => {
    expect(judge(source, target)).toMatchObject({ verdict: 'state', state });
  });

  it('a host that may have it and does not answer is a fault, never a guess', () => {
    expect(judge(unknown, absent)).toMatchObject({ verdict: 'fault' });
    expect(judge(unknown, arriving)).toMatchObject({ verdict: 'fault' });
    expect(judge(absent, unknown)).toMatchObject({ verdict: 'fault' });
  });

  it('a guest that neither has is to be looked for', () => {
    expect(judge(absent, absent)).toEqual({ verdict: 'elsewhere' });
    expect(judge(shutOff, absent)).toEqual({ verdict: 'elsewhere' });
  });

  it('while virsh waits nothing has ended', () => {
    expect(judge(running, absent, { asking: true })).toMatchObject({ state: { phase: 'moving' } });
  });

  it('while virsh waits for a guest that has crashed on its source, it is at rest there', () => {
    expect(judge(crashed, absent, { asking: true })).toEqual({ verdict: 'elsewhere' });
    expect(judge(crashed, unknown, { asking: true })).toMatchObject({ state: { phase: 'moving' } });
    expect(judge(shutOff, arriving, { asking: true })).toMatchObject({ state: { phase: 'moving' } });
  });

  it('a failure that the target is at fault for says so', () => {
    const concern = (failure: string, target: Sight = absent) => judge(running, target, { failure });
    expect(concern('Lost connection to destination host')).toMatchObject({ state: { concerns: 'target' } });
    expect(concern('any words', unknown)).toMatchObject({ state: { concerns: 'target' } });
    expect(concern('operation aborted')).not.toHaveProperty('state.concerns');
  });

  it("a failure is told in virsh's words, unless the guest arrived", () => {
    const failure = 'operation aborted: migration out job: canceled by client';
    expect(judge(running, absent, { failure })).toEqual({
      verdict: 'state',
      state: { phase: 'failed', status: 'migrate_failed', reason: failure, hostId: 'a' },
    });
    expect(judge(absent, running, { failure })).toMatchObject({ state: { phase: 'settled', hostId: 'b' } });
  });
});

it("a sight is made of what virsh prints, and nothing is made of other words than 'no such guest'", () => {
  expect(toSight([printed('domstate-running.txt'), printed('domjobinfo-running.txt')], '')).toEqual({
    at: 'present',
    state: 'running',
    reason: 'migrated',
    job: { operation: 'Outgoing migration', progress: 36, elapsedMs: 34_523 },
  });
  expect(toSight(['', ''], "failed to get domain '40b5d187'")).toEqual({ at: 'absent' });
  expect(toSight(['', ''], 'Cannot recv data: Connection reset by peer')).toBeUndefined();
});
