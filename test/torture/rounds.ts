import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/common/clock.js';
import type { SimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { BatchEnding, BatchRecord } from '../../src/journal/journal.js';
import type { JournalEvent, MigrationNotes } from '../../src/journal/events.js';
import { readJournalEvents } from '../../src/journal/lowdb/open-journal.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import type { Program } from '../support/program.js';
import { startProgram } from '../support/program.js';
import { serveSimulation } from '../support/simulation-server.js';

const HOSTS = ['a', 'b', 'c'];
const GUESTS = ['g1', 'g2', 'g3', 'g4', 'g5', 'g6'];
/** This one never arrives anywhere. */
const UNLUCKY = 'g6';
/** A batch that has not ended after this, ms, hangs. */
const LONGEST_MS = 60_000;
/** Kills come up to this long after the alert or the start before them, ms. */
const SPAN_MS = 1600;
/** A person does something up to this long after that, ms. */
const HAND_MS = 800;

/** What the rounds came to. */
export interface Score {
  rounds: number;
  kills: number;
  /** Kills that hit a process before it listened. */
  killedStarting: number;
  accepted: number;
  /** Alerts whose answer the kill has cut off; they are sent again, as senders do. */
  unanswered: number;
  moves: number;
  events: number;
  /** How often a person's hand was answered: paused, resumed, stopped, stopped with abort. */
  pauses: number;
  resumes: number;
  stops: number;
  aborts: number;
  /** Moves that a cancellation was seen to end. */
  cancelled: number;
}

/** Numbers from 0 to 1 that depend on nothing but the seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Thrown when something was lost or doubled. */
class Broken extends Error {}

function insist(condition: boolean, what: string, detail?: unknown): asserts condition {
  if (!condition) throw new Broken(detail === undefined ? what : `${what}: ${JSON.stringify(detail)}`);
}

/**
 * Kills the real program at random instants of its batches and starts it again. The simulated cloud lives in this process
 * and counts what it is asked.
 * @param directory - an empty directory for rules and data.
 * @throws Error that says what was lost or doubled, with the round.
 */
export async function torture(options: {
  rounds: number;
  seed: number;
  directory: string;
  onRound?: (round: number, score: Score) => void;
}): Promise<Score> {
  const { rounds, seed, directory } = options;
  const random = seeded(seed);
  const snapshot = fleet(
    HOSTS.map((name) => host(name, 20)),
    GUESTS.map((name, index) => guest(name, HOSTS[index % HOSTS.length]!, 60, { vmem_size: 256 + index * 64 })),
  );
  const cloud = createSimulatedCloud(scenario(snapshot, { bandwidth: 1024, fail: [UNLUCKY] }), systemClock);
  const server = await serveSimulation(cloud);
  const dataDir = join(directory, 'data');
  const rulesDir = join(directory, 'rules');
  await mkdir(rulesDir, { recursive: true });
  // Whatever keeps a fleet steady is out of the way, or after a few rounds nothing would move any more.
  const rule = { name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, period: '1s', cooldown: '0s' };
  await writeFile(join(rulesDir, 'test-cpu.json'), JSON.stringify(rule));
  const env = {
    SIMULATION: server.url,
    DATA_DIR: dataDir,
    RULES_DIR: rulesDir,
    MIGRATION_START_GRACE: '1s',
    MIGRATIONS_PER_HOUR: '1000000',
    MIGRATIONS_PER_DAY: '1000000',
    GUESTS_PER_DAY: '0',
    MEMORY_PER_HOUR: '1000TiB',
    VERIFY_TOLERANCE: '100',
  };

  const score: Score = {
    rounds: 0,
    kills: 0,
    killedStarting: 0,
    accepted: 0,
    unanswered: 0,
    moves: 0,
    events: 0,
    pauses: 0,
    resumes: 0,
    stops: 0,
    aborts: 0,
    cancelled: 0,
  };
  let program = startProgram(env);
  const batches: string[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const hot = await heat(cloud, random);
      let answer = sendAlert(await program.listening, hot, round);
      if (random() < 0.5) await operate(program, cloud, random, score, round);
      for (let kills = 1 + Math.floor(random() * 3); kills > 0; kills -= 1) {
        await delay(random() ** 2 * SPAN_MS);
        const up = await isUp(program);
        program.kill('SIGKILL');
        await program.ended;
        score.kills += 1;
        if (!up) score.killedStarting += 1;
        program = startProgram(env);
      }
      await operate(program, cloud, random, score, round);
      let batch = await answer;
      if (batch === undefined) {
        score.unanswered += 1;
        answer = sendAlert(await program.listening, hot, round);
        batch = await answer;
      }
      if (batch) {
        batches.push(batch);
        score.accepted += 1;
      }
      const url = await program.listening;
      await ended(url);
      const known = await getJson<{ batches: BatchEnding[] }>(`${url}/api/batches`);
      if (batch) {
        const endings = known.batches.filter(({ id }) => id === batch);
        insist(endings.length === 1, `round ${round}: batch ${batch} was accepted and has not one ending`, endings);
      }
      score.rounds = round;
      const events = await readJournalEvents(dataDir);
      score.events = events.length;
      score.moves = checkEvents(events, cloud, round);
      score.cancelled = events.filter(
        ({ action, notes }) => action === 'migrate_fail' && notes.cancelled === true,
      ).length;
      options.onRound?.(round, score);
    }
    program.kill('SIGTERM');
    insist((await program.ended).code === 0, 'it did not stop in order', program.output().slice(-500));
    const file = JSON.parse(await readFile(join(dataDir, 'journal.json'), 'utf8')) as { batch: BatchRecord | null };
    insist(file.batch === null, 'a batch was left open', file.batch);
    insist(score.moves >= rounds / 2, 'hardly anything was moved: this proves nothing', score);
    return score;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    error.message += `\nseed ${seed}, directory ${directory}, last words:\n${program.output().slice(-2000)}`;
    throw error;
  } finally {
    program.kill('SIGKILL');
    await program.ended;
    await server.close();
  }
}

/** A move that was being asked for when the answer to a person was on its way may still begin: at most one, for one is under way at a time for each pair of hosts. */
const MOST_BEING_ASKED = 1;

/**
 * Pauses, or stops with or without abort, at an instant of the batch. From the answer on the cloud is asked for nothing more, but
 * for what was being asked by then; a pause is ended again, so that the next round moves something.
 */
async function operate(
  program: Program,
  cloud: SimulatedCloud,
  random: () => number,
  score: Score,
  round: number,
): Promise<void> {
  const url = await program.listening;
  await delay(random() * HAND_MS);
  const act = async (path: string, body: object) => {
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const said = (await answer.json()) as { outcome: string; under_way?: string[] };
    insist([200, 202, 409].includes(answer.status), `round ${round}: ${path} was answered ${answer.status}`, said);
    return { done: answer.status !== 409, asked: new Map(cloud.asked), underWay: said.under_way };
  };
  const kind = Math.floor(random() * 3);
  const abort = kind === 2;
  const { done, asked, underWay } =
    kind === 0 ? await act('/api/pause', { reason: `round ${round}` }) : await act('/api/batch/stop', { abort });
  if (!done) return;
  score[kind === 0 ? 'pauses' : abort ? 'aborts' : 'stops'] += 1;
  // What is under way is followed or cancelled; nothing more begins until the batch has ended, nor while it is paused.
  await ended(url);
  const later = GUESTS.filter((name) => (cloud.asked.get(`id-${name}`) ?? 0) > (asked.get(`id-${name}`) ?? 0));
  const what = kind === 0 ? 'a pause' : 'a stop';
  insist(
    later.length <= MOST_BEING_ASKED,
    `round ${round}: the cloud was asked for more after ${what} was answered`,
    later,
  );
  insist(
    later.every((name) => underWay?.some((move) => move.startsWith(`${name} to `)) ?? true),
    `round ${round}: the cloud was asked after ${what} for what the answer did not tell to be under way`,
    { later, underWay },
  );
  if (kind !== 0) return;
  insist((await act('/api/resume', {})).done, `round ${round}: it was not resumed`);
  score.resumes += 1;
}

/** Makes one host with guests hot, the others cool. */
async function heat(cloud: SimulatedCloud, random: () => number): Promise<string> {
  const { guests } = await cloud.inventory();
  const crowded = HOSTS.filter((name) => guests.filter(({ host_id: on }) => on === `id-${name}`).length >= 2);
  const hot = crowded[Math.floor(random() * crowded.length)]!;
  for (const name of HOSTS) cloud.setHostReading(name, 'cpu.usage_active', name === hot ? 75 : 20);
  return hot;
}

/** @returns the batch, `null` if there was nothing to accept, `undefined` if no answer came. */
async function sendAlert(url: string, hot: string, round: number): Promise<string | null | undefined> {
  const labels = { alertname: 'test-cpu', host: hot, round: String(round) };
  const alerts = [{ status: 'firing', labels, startsAt: new Date().toISOString() }];
  try {
    const response = await fetch(`${url}/webhooks/alertmanager`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ version: '4', status: 'firing', alerts }),
    });
    const answer = (await response.json()) as { outcome: string; batch?: string };
    insist(response.status === 202 || response.status === 200, `an alert was answered ${response.status}`, answer);
    return response.status === 202 ? answer.batch! : null;
  } catch (error) {
    if (error instanceof Broken) throw error;
    return undefined;
  }
}

async function isUp(program: Program): Promise<boolean> {
  return Promise.race([program.listening.then(() => true), delay(0).then(() => false)]);
}

async function getJson<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}

async function ended(url: string): Promise<void> {
  const latest = performance.now() + LONGEST_MS;
  while ((await getJson<{ batch: unknown }>(`${url}/api/batch`)).batch !== null) {
    insist(performance.now() < latest, 'a batch does not end');
    await delay(50);
  }
}

/** @returns how many moves have come to an end. */
function checkEvents(events: JournalEvent[], cloud: SimulatedCloud, round: number): number {
  const when = `round ${round}: `;
  const ids = events.map(({ id }) => id);
  insist(
    ids.every((id, index) => id === index + 1),
    `${when}an event is missing or doubled`,
    ids.slice(-20),
  );
  const begun = new Map<string, number>();
  const over = new Map<string, number>();
  const perGuest = new Map<string, number>();
  for (const { action, notes, batch } of events) {
    if (!action.startsWith('migrat')) continue;
    const { guest: moved, target_host: target } = notes as MigrationNotes;
    // What failed may be tried once more, on another target.
    const key = `${batch} ${moved.name} to ${target.name}`;
    const counts = action === 'migrating' ? begun : over;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (action === 'migrating') perGuest.set(moved.id, (perGuest.get(moved.id) ?? 0) + 1);
  }
  for (const [key, times] of begun) insist(times === 1, `${when}begun more than once`, key);
  for (const [key, times] of over) insist(times === 1, `${when}ended more than once`, key);
  for (const key of begun.keys()) insist(over.has(key), `${when}begun and not ended`, key);
  for (const [id, times] of cloud.asked) {
    insist(
      times <= (perGuest.get(id) ?? 0),
      `${when}the cloud was asked to move a guest more often than the journal says`,
      id,
    );
  }
  return over.size;
}
