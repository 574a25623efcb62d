import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Condition } from './conditions.js';
import { BANDWIDTH, CONDITIONS, CONDITION_TEXT, underConditions } from './conditions.js';
import { USUAL_FILL, makeFleet } from './fleet.js';
import { firstFitOfEverything, leastPrice, nearestDifference } from './rivals.js';
import type { DayResult, Policy } from './run.js';
import { runDay } from './run.js';
import { syntheticTrace } from './synthetic.js';
import type { Trace } from './traces.js';
import { listDays, readTrace } from './traces.js';

const POLICIES: readonly Policy[] = [
  { name: 'nothing', idle: true },
  { name: 'first fit of everything', planner: firstFitOfEverything },
  { name: 'nearest difference', planner: nearestDifference },
  { name: 'least price', planner: leastPrice },
  { name: 'ours', rule: {} },
];
/** What single settings trade against each other; `--settings` adds them. */
const SETTINGS: readonly Policy[] = [
  { name: 'worth 60', rule: { worth: 60 } },
  { name: 'worth 100', rule: { worth: 100 } },
  { name: 'worth 170', rule: { worth: 170 } },
  { name: 'worth 250', rule: { worth: 250 } },
  { name: 'relieve alerting', rule: { relieve: 'alerting' } },
  { name: 'headroom 3', rule: { headroom: 3 } },
  { name: 'cooldown 0s', rule: { cooldown: '0s' } },
  { name: 'cooldown 4h', rule: { cooldown: '4h' } },
  { name: 'evidence minimum', rule: { evidence: 'minimum' } },
];

/** The days made up where none are at hand. */
const SYNTHETIC = [1, 2].map(syntheticTrace);

const HELP = `npm run bench:day -- [options]
  --days <names>      days in the directory of traces, separated by commas; all by default
  --seeds <numbers>   seeds of the fleets (1,2,3)
  --hosts <numbers>   sizes of the fleets (12,14)
  --fill <from-to>    means over the day that hosts are filled to, % (35-75)
  --traces <dir>      directory of <day>.csv.gz; else TRACES, else ../shared/traces
  --with <names>      conditions besides load: arrivals, memory, slow, boundaries; "each": one after the other
  --policies <names>  only these
  --settings          ours with other settings too
  --fleets            a line for each fleet too
  --quick             one day, one seed, without first fit of everything`;

const { values } = parseArgs({
  options: {
    days: { type: 'string' },
    seeds: { type: 'string' },
    hosts: { type: 'string' },
    fill: { type: 'string' },
    with: { type: 'string' },
    traces: { type: 'string' },
    policies: { type: 'string' },
    settings: { type: 'boolean' },
    fleets: { type: 'boolean' },
    quick: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

const say = (line: string) => process.stdout.write(`${line}\n`);

function numbers(option: string, text: string): number[] {
  return text.split(',').map((part) => {
    const number = Number(part);
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${option}: expected whole numbers, got "${part}"`);
    return number;
  });
}

function fillRange(text: string): readonly [number, number] {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const range = [Number(from), Number(to)] as const;
  if (!(range[0] < range[1] && range[1] <= 100))
    throw new Error(`--fill: expected a range such as 45-78, got "${text}"`);
  return range;
}

function chosen(): Policy[] {
  const all = values.settings ? [...POLICIES, ...SETTINGS] : POLICIES;
  if (values.policies === undefined) {
    return all.filter(({ name }) => !values.quick || name !== 'first fit of everything');
  }
  return values.policies.split(',').map((wanted) => {
    const found = [...POLICIES, ...SETTINGS].find(({ name }) => name === wanted.trim());
    if (!found) {
      const names = [...POLICIES, ...SETTINGS].map(({ name }) => name).join(', ');
      throw new Error(`--policies: "${wanted}" is none of ${names}`);
    }
    return found;
  });
}

const EMPTY: DayResult = { overloaded: 0, area: 0, migrations: 0, gib: 0, returns: 0, alerts: 0, failures: 0 };

function add(a: DayResult, b: DayResult): DayResult {
  const keys = Object.keys(a) as (keyof DayResult)[];
  return Object.fromEntries(keys.map((key) => [key, a[key] + b[key]])) as unknown as DayResult;
}

const WIDTHS = [26, 11, 12, 11, 9, 8, 7, 9];

function row(cells: readonly (string | number)[]): string {
  return cells
    .map((cell, at) => (at === 0 ? String(cell).padEnd(WIDTHS[at]!) : String(cell).padStart(WIDTHS[at]!)))
    .join(' ');
}

function cellsOf(name: string, { overloaded, area, migrations, gib, returns, alerts, failures }: DayResult) {
  return [name, overloaded, Math.round(area), migrations, Math.round(gib), returns, alerts, failures];
}

/** The sets of conditions that are run through, one after the other. */
function conditionSets(): ReadonlySet<Condition>[] {
  if (values.with === undefined) return [new Set()];
  if (values.with === 'each') return [new Set(), ...CONDITIONS.map((each) => new Set([each]))];
  const names = values.with.split(',').map((name) => {
    const found = CONDITIONS.find((each) => each === name.trim());
    if (!found) throw new Error(`--with: "${name}" is none of ${CONDITIONS.join(', ')}, each`);
    return found;
  });
  return [new Set(names)];
}

/** The days to run: real ones where they are, else made up. */
function traces(): Trace[] {
  const directory = resolve(values.traces ?? process.env.TRACES ?? '../shared/traces');
  if (!existsSync(directory)) {
    if (values.traces !== undefined) throw new Error(`no traces in ${directory}`);
    say(`no traces in ${directory} (TRACES, --traces): days made up of the same level, bursts and correlation`);
    return SYNTHETIC;
  }
  const days = values.days?.split(',') ?? listDays(directory).slice(0, values.quick ? 1 : undefined);
  return days.map((day) => SYNTHETIC.find((each) => each.day === day) ?? readTrace(directory, day));
}

async function main(): Promise<void> {
  if (values.help) {
    say(HELP);
    return;
  }
  for (const conditions of conditionSets()) await runAll(conditions);
}

async function runAll(conditions: ReadonlySet<Condition>): Promise<void> {
  const all = traces();
  const days = all.map(({ day }) => day);
  const seeds = numbers('seeds', values.seeds ?? (values.quick ? '1' : '1,2,3'));
  const sizes = numbers('hosts', values.hosts ?? '12,14');
  const fill = values.fill === undefined ? USUAL_FILL : fillRange(values.fill);
  const policies = chosen();
  const began = Date.now();
  const sums = new Map<string, DayResult>();
  const worse: string[] = [];
  const head = row(['', 'overloaded', 'point-hours', 'migrations', 'GiB', 'returns', 'alerts', 'no room']);
  if (values.fleets) say(head);
  const bandwidth = conditions.has('slow') ? BANDWIDTH.slow : BANDWIDTH.usual;
  for (const trace of all) {
    for (const size of sizes) {
      for (const seed of seeds) {
        const fleet = underConditions(makeFleet(trace, size, seed, fill), conditions, seed);
        if (values.fleets) say(`${fleet.name}, ${fleet.snapshot.guests.length} guests`);
        let untouched: DayResult | undefined;
        for (const policy of policies) {
          const result = await runDay(fleet, policy, bandwidth);
          if (policy.idle) untouched = result;
          else if (policy.rule && untouched && result.overloaded > untouched.overloaded) {
            worse.push(`${policy.name} on ${fleet.name}: ${result.overloaded} > ${untouched.overloaded}`);
          }
          sums.set(policy.name, add(sums.get(policy.name) ?? EMPTY, result));
          if (values.fleets) say(row(cellsOf(`  ${policy.name}`, result)));
        }
      }
    }
  }

  say(
    `\n${days.join(', ')}; ${sizes.join(' and ')} hosts filled to ${fill.join('-')} %; seeds ${seeds.join(', ')}; summed`,
  );
  for (const condition of conditions) say(`with ${condition}: ${CONDITION_TEXT[condition]}`);
  say(head);
  for (const [name, sum] of sums) say(row(cellsOf(name, sum)));
  const nearest = sums.get('nearest difference');
  if (nearest) {
    for (const { name, rule } of policies) {
      const sum = sums.get(name);
      if (!rule || !sum) continue;
      const ratio = (a: number, b: number) => (a / b).toFixed(2);
      const overloads = `${ratio(sum.overloaded, nearest.overloaded)} × the overloaded host-intervals`;
      say(`${name}: ${overloads} and ${ratio(sum.gib, nearest.gib)} × the GiB of nearest difference`);
    }
  }
  say(worse.length === 0 ? 'never worse than doing nothing' : `worse than doing nothing: ${worse.join('; ')}`);
  say(`${Math.round((Date.now() - began) / 1000)} s`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
