import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axios from 'axios';
import { Command } from 'commander';
import type { Clock } from '../common/clock.js';
import { embeddedFleet } from '../fleet/clouds/embedded-fleet.js';
import type { SimulatedCloud } from '../fleet/clouds/simulated.js';
import { createSimulatedCloud } from '../fleet/clouds/simulated.js';
import type { Snapshot } from '../fleet/fleet.js';
import type { BatchView } from '../intake/views.js';
import type { EventWithText } from '../journal/events.js';
import { bar, loadLine } from './bars.js';
import type { CliContext } from './context.js';
import { actionText, timeOfDay } from './event-lines.js';
import { paragraph } from './fit.js';
import { type Paint, type Terminal, painter } from './terminal.js';

/** A receiver that the demo has started. */
export interface DemoServer {
  url: string;
  /** Reads the rule files again, now. */
  reloadRules(): Promise<void>;
  stop(): Promise<void>;
}

/** What the demo needs from outside. */
export interface DemoOptions {
  clock: Clock;
  /** Starts the whole receiver on a free port, with this cloud, rules and data directory. */
  startServer: (setup: { cloud: SimulatedCloud; rulesDir: string; dataDir: string }) => Promise<DemoServer>;
  terminal: Terminal;
  /** Whether lines can be drawn over. */
  live: boolean;
  /** Migrations ten times as fast. */
  fast: boolean;
}

/**
 * Makes `automigrate demo`.
 * @param startServer - starts the whole receiver.
 */
export function demoCommand(context: CliContext, clock: Clock, startServer: DemoOptions['startServer']): Command {
  return new Command('demo')
    .description('replay the story of the documents on an embedded fleet, over real HTTP')
    .option('--fast', 'migrations ten times as fast')
    .action(async ({ fast = false }: { fast?: boolean }) => {
      const { terminal } = context;
      context.exit(await runDemo({ clock, startServer, terminal, live: process.stdout.isTTY, fast }));
    });
}

const THRESHOLD = 60;
const FRAME_MS = 100;

/**
 * Replays the story of the documents over real HTTP, on the embedded fleet: an alert for which no target is found, then,
 * with load gone elsewhere, one that moves a guest.
 * @returns the exit status: 0 if the story went as it does in the documents, 1 if not.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-demo-'));
  const rulesDir = join(directory, 'rules');
  const say = (text = '') => options.terminal.out(`${text}\n`);
  const paint = painter(options.terminal.colour);
  await mkdir(rulesDir);
  const scenario = structuredClone(embeddedFleet);
  if (options.fast) scenario.simulation.time_scale *= 10;
  const cloud = createSimulatedCloud(scenario, options.clock);
  await writeRule(rulesDir, ['test-66-onecloud02']);
  const server = await options.startServer({ cloud, rulesDir, dataDir: join(directory, 'data') });
  const story = new Story(server, options, paint, say);
  try {
    say(paint('bold', `automigrate listens on ${server.url}, over the embedded fleet`));
    say(`The rule test-cpu relieves test-66-onecloud02 past ${THRESHOLD} % CPU. The fleet now:`);
    await story.showFleet();

    say(paint('bold', '\n1  The monitor service sends an alert: test-66-onecloud02 is at 66.53 %'));
    await story.send('monitor', monitorAlert());
    await story.settled();
    await story.explain('find_result_fail');

    say(paint('bold', '\n2  The stress test in cpu-test-vm ends, and the rule now holds for every host'));
    cloud.setGuestCpu('cpu-test-vm', 26.34);
    cloud.setHostReading('test-66-onecloud02', 'cpu.usage_active', 22.65071999099409);
    await writeRule(rulesDir, []);
    await server.reloadRules();
    await story.showFleet();

    say(paint('bold', '\n3  Alertmanager sends an alert: a15 is at 62.31 %'));
    await story.send('alertmanager', alertmanagerAlert(options.clock.now()));
    await story.settled();
    await story.showFleet();

    const events = await story.events();
    say(paint('bold', '\n4  What the journal holds (automigrate events test-cpu)'));
    for (const event of events) story.tell(event);
    const actions = events.map(({ action }) => action).join(' ');
    const asTold = actions === 'create find_result_fail changed migrating migrate_success';
    say(
      asTold
        ? paint('green', 'The story went as in the documents.')
        : paint('red', `Not the story of the documents: ${actions}`),
    );
    return asTold ? 0 : 1;
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The steps of the story, over HTTP. */
class Story {
  readonly #server: DemoServer;
  readonly #options: DemoOptions;
  readonly #paint: Paint;
  readonly #say: (text?: string) => void;

  constructor(server: DemoServer, options: DemoOptions, paint: Paint, say: (text?: string) => void) {
    this.#server = server;
    this.#options = options;
    this.#paint = paint;
    this.#say = say;
  }

  async #get<T>(path: string): Promise<T> {
    return (await axios.get<T>(`${this.#server.url}${path}`, { proxy: false })).data;
  }

  async showFleet(): Promise<void> {
    const { hosts } = await this.#get<Snapshot>('/api/fleet');
    for (const host of hosts) this.#say(loadLine(host.name, host.metrics['cpu.usage_active'], THRESHOLD, this.#paint));
  }

  async send(sender: string, body: object): Promise<void> {
    const { status, data } = await axios.post<unknown>(`${this.#server.url}/webhooks/${sender}`, body, {
      proxy: false,
      validateStatus: () => true,
    });
    this.#write(`POST /webhooks/${sender} → ${status} ${JSON.stringify(data)}`);
  }

  /** Shows the running batch until there is none. */
  async settled(): Promise<void> {
    const { terminal, clock, live } = this.#options;
    let drawn = 0;
    let last = '';
    let shown: BatchView | null = null;
    for (;;) {
      const { batch } = await this.#get<{ batch: BatchView | null }>('/api/batch');
      if (batch && batch.migrations.length > 0) shown = batch;
      const finished = shown && {
        ...shown,
        migrations: shown.migrations.map((each) => ({ ...each, progress: 100, status: 'ended' })),
      };
      const lines = progressLines((batch ? shown : finished)?.migrations ?? [], this.#paint);
      if (live && drawn > 0) terminal.erase(drawn);
      if (live || lines.join('\n') !== last) for (const line of lines) this.#say(line);
      drawn = lines.length;
      last = lines.join('\n');
      if (!batch) return;
      await clock.sleep(FRAME_MS);
    }
  }

  async explain(action: string): Promise<void> {
    const { events } = await this.#get<{ events: EventWithText[] }>(`/api/events?action=${action}`);
    for (const { text } of events) this.#write(`${this.#paint('yellow', action)} ${text}`);
  }

  /** One event, whole. */
  tell({ ops_time: at, action, text }: EventWithText): void {
    this.#write(`${timeOfDay(at)} ${actionText(action, this.#paint)}: ${text}`);
  }

  /** A paragraph, however wide the terminal is. */
  #write(text: string): void {
    this.#say(paragraph(text, this.#options.terminal.width, '  ', 4));
  }

  async events(): Promise<EventWithText[]> {
    return (await this.#get<{ events: EventWithText[] }>('/api/events?rule=test-cpu')).events;
  }
}

function progressLines(migrations: BatchView['migrations'], paint: Paint): string[] {
  return migrations.map(({ notes, progress = 0, status = 'planned' }) => {
    const way = `${notes.guest.name}: ${notes.guest.host} → ${notes.target_host.name}`;
    return `  ${way.padEnd(35)} ${paint('cyan', bar(progress, 18))} ${String(progress).padStart(3)} %  ${status}`;
  });
}

async function writeRule(directory: string, hosts: string[]): Promise<void> {
  const rule = { name: 'test-cpu', metric: 'cpu.usage_active', threshold: THRESHOLD, period: '2m', source: { hosts } };
  await writeFile(join(directory, 'test-cpu.json'), JSON.stringify(rule, null, 2));
}

function monitorAlert(): object {
  return {
    Msg: [
      'AlertName: test-cpu',
      'Time: 2022-06-28 07:40:02',
      'Level: 重要',
      'TriggerCondition: cpu.usage_active > 60.00%',
      'AlertCount: 1',
      'ResourceName: ',
      '- test-66-onecloud02.cpu.usage_active: 66.53%',
    ].join('\n'),
  };
}

function alertmanagerAlert(now: number): object {
  const startsAt = new Date(now - 60_000).toISOString();
  const labels = { alertname: 'test-cpu', severity: 'critical', host_id: '733b10fa-bd33-4503-836d-2ccd225bf12f' };
  const alert = {
    status: 'firing',
    labels,
    annotations: { summary: 'CPU of a15 is 62.3 %' },
    startsAt,
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: '',
    fingerprint: 'a15a15a15a15a15a',
  };
  return {
    version: '4',
    receiver: 'automigrate',
    status: 'firing',
    groupKey: '{}:{alertname="test-cpu"}',
    truncatedAlerts: 0,
    groupLabels: { alertname: 'test-cpu' },
    commonLabels: labels,
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example:9093',
    alerts: [alert],
  };
}
