import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/common/clock.js';
import type { NewEvent } from '../../src/journal/events.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';

/**
 * What recording one event, and reading the newest hundred, costs when few and when many events are kept; and what a decision
 * reads in a day of a storm, in a process of little memory.
 */
const { values } = parseArgs({
  options: {
    commits: { type: 'string', default: '2000' },
    storm: { type: 'string', default: '500000' },
    /** Reads the journal of this directory as a decision does, and prints what it took: for the process of little memory. */
    read: { type: 'string' },
  },
});
const HEAP_MIB = 256;
const KEPT = [100, 100_000];
const RULE = 'test-cpu';

const event: NewEvent = {
  obj_name: RULE,
  user: 'alertmanager',
  action: 'migrating',
  batch: 'b7c1d2e3f4a5',
  notes: {
    guest: {
      host: 'a15',
      host_id: 'h'.repeat(36),
      id: 'g'.repeat(36),
      name: 'vm',
      score: 10.7,
      vcpu_count: 8,
      vmem_size: 8192,
    },
    target_host: { id: 't'.repeat(36), name: 'test-66-onecloud02', score: 22.6 },
  },
};

const quantile = (times: number[], share: number) =>
  times.sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;

async function measure(count: number, step: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    await step();
    times.push(performance.now() - begun);
  }
  return times;
}

interface Line {
  kept: number;
  sync: boolean;
  commitP50: number;
  commitP99: number;
  readP99: number;
}

async function run(kept: number, sync: boolean): Promise<Line> {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-bench-'));
  try {
    const journal = await openJournal(directory, systemClock, { sync });
    for (let n = 0; n < kept; n += 100) await journal.commit({ events: Array.from({ length: 100 }, () => event) });
    const commits = await measure(Number(values.commits), () => journal.commit({ events: [event] }));
    const reads = await measure(100, () => journal.events({ limit: 1000, rule: RULE }));
    return {
      kept,
      sync,
      commitP50: quantile(commits, 0.5),
      commitP99: quantile(commits, 0.99),
      readP99: quantile(reads, 0.99),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The migrations of two days, as a decision reads them, and the time that opening and reading take. */
async function readAsADecision(directory: string): Promise<void> {
  const begun = performance.now();
  const journal = await openJournal(directory, systemClock, { sync: false });
  const opened = performance.now();
  const action = ['migrating', 'migrate_success', 'migrate_fail', 'migrate_error'] as const;
  const rows = await journal.events({ action, since: systemClock.now() - 2 * 86_400_000 });
  const read = performance.now();
  const mib = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(
    `${rows.length} rows of migrations found; open ${(opened - begun).toFixed(0)} ms, read ${(read - opened).toFixed(0)} ms, ${mib.toFixed(0)} MiB resident at most\n`,
  );
}

/** A day in which almost every event is an alert that was dropped. */
async function stormIn(directory: string, count: number): Promise<void> {
  const now = new Date(systemClock.now()).toISOString();
  await mkdir(join(directory, 'events'), { recursive: true });
  const out = createWriteStream(join(directory, 'events', `${now.slice(0, 10)}.jsonl`));
  const row = {
    ops_time: now,
    obj_id: RULE,
    obj_type: 'migrationalert',
    obj_name: RULE,
    user: 'grafana',
    tenant: 'system',
  };
  const notes = `batch b7c1d2e3f4a5 is running; alerts that come meanwhile are dropped (hosts: ${'h'.repeat(100)})`;
  for (let id = 1; id <= count; id += 1) {
    const told = id % 1000 === 0 ? { action: event.action, notes: event.notes } : { action: 'dropped', notes };
    if (!out.write(`${JSON.stringify({ id, ...row, ...told })}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

/** Resolves with whether a process with little memory comes through. */
async function stormCase(): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-bench-'));
  try {
    await stormIn(directory, Number(values.storm));
    const args = [`--max-old-space-size=${HEAP_MIB}`, fileURLToPath(import.meta.url), '--read', directory];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    process.stdout.write(`a day of ${values.storm} events, heap of ${HEAP_MIB} MiB: ${stdout || stderr.slice(-500)}`);
    return status === 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

if (values.read !== undefined) {
  await readAsADecision(values.read);
  process.exit();
}

const cells = (...row: (string | number)[]) =>
  process.stdout.write(`${row.map((cell) => String(cell).padStart(14)).join('')}\n`);
cells('events kept', 'fsync', 'commit p50 ms', 'commit p99 ms', 'read 1000 ms');
let failed = false;
for (const sync of [false, true]) {
  const lines: Line[] = [];
  for (const kept of KEPT) {
    const line = await run(kept, sync);
    lines.push(line);
    cells(kept, sync ? 'yes' : 'no', line.commitP50.toFixed(2), line.commitP99.toFixed(2), line.readP99.toFixed(2));
  }
  const ratio = lines[1]!.commitP99 / lines[0]!.commitP99;
  cells('p99 ratio', sync ? 'yes' : 'no', '', ratio.toFixed(2), '');
  failed ||= ratio > 2;
}
if (!(await stormCase())) {
  process.stdout.write('A day of a storm takes more memory than there is.\n');
  process.exitCode = 1;
}
if (failed) {
  process.stdout.write('Recording costs more than twice as much when many events are kept.\n');
  process.exitCode = 1;
}
