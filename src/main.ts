#!/usr/bin/env node
import { pino } from 'pino';
import { runCli } from './cli/program.js';
import { approveCommand, dismissCommand } from './cli/approve.js';
import { configCommand } from './cli/config.js';
import { demoCommand } from './cli/demo.js';
import { deployCommand } from './cli/deploy.js';
import { doctorCommand } from './cli/doctor/doctor.js';
import type { ReadEvents } from './cli/events.js';
import { fleetCommand } from './cli/fleet.js';
import { healthCommand } from './cli/health.js';
import { pauseCommand, resumeCommand, stopCommand } from './cli/pause-and-stop.js';
import { processLog } from './cli/terminal-log.js';
import { planCommand } from './cli/plan.js';
import { plansCommand } from './cli/plans.js';
import { replayCommand } from './cli/replay.js';
import { simulateCommand } from './cli/simulate.js';
import { statusCommand } from './cli/status.js';
import { testAlertCommand } from './cli/test-alert.js';
import { processTerminal } from './cli/terminal.js';
import { systemClock } from './common/clock.js';
import type { Environment } from './config/given.js';
import { readConfig } from './config/read-config.js';
import { readScenario } from './app/create-fleet.js';
import { examine } from './app/examine.js';
import { endOnFault, endOnSignal } from './app/lifetime.js';
import { hasJournal, readJournalEvents } from './journal/lowdb/open-journal.js';
import { NoJournalError } from './journal/journal.js';
import type { Receiver } from './app/receiver.js';
import { SetupError, startReceiver } from './app/receiver.js';
import { openSnapshots } from './decide/kept-snapshots.js';

/** Runs the receiver until a signal ends it. */
async function serve(env: Environment): Promise<number> {
  const read = readConfig(env);
  if (!read.ok) return refused([...read.problems, ...read.warnings]);
  const log = processLog(read.config.logLevel, processTerminal(env).colour);
  for (const warning of read.warnings) log.warn({}, warning);
  endOnFault(log);
  let receiver: Receiver;
  try {
    receiver = await startReceiver({ config: read.config, clock: systemClock, log, threads: true });
  } catch (error) {
    if (error instanceof SetupError) return refused(error.problems);
    throw error;
  }
  const stop = () => receiver.stop();
  const status = await endOnSignal({ log, stop, timeoutMs: read.config.shutdownTimeoutMs });
  // Whatever still holds a timer or a connection must not hold up the end.
  process.exit(status);
}

function refused(problems: readonly string[]): number {
  const terminal = processTerminal();
  for (const problem of problems) terminal.err(`automigrate: ${problem}\n`);
  return 2;
}

const readEvents: ReadEvents = async (filter, dataDir) => {
  if (!(await hasJournal(dataDir))) throw new NoJournalError(dataDir);
  return readJournalEvents(dataDir, filter);
};

process.exitCode = await runCli(process.argv.slice(2), {
  serve,
  readEvents,
  commands: [
    statusCommand,
    fleetCommand,
    plansCommand,
    approveCommand,
    dismissCommand,
    planCommand,
    pauseCommand,
    resumeCommand,
    stopCommand,
    testAlertCommand,
    (context) =>
      replayCommand(context, {
        readEvents,
        snapshots: (dataDir) => openSnapshots(dataDir, systemClock),
      }),
    healthCommand,
    configCommand,
    (context) => doctorCommand(context, (config, warnings) => examine(config, warnings, systemClock)),
    deployCommand,
    (context) => simulateCommand(context, systemClock, readScenario),
    (context) =>
      demoCommand(context, systemClock, async ({ cloud, rulesDir, dataDir }) => {
        const read = readConfig({ PORT: '0', RULES_DIR: rulesDir, DATA_DIR: dataDir });
        if (!read.ok) throw new SetupError(read.problems);
        const log = pino({ level: context.env().LOG_LEVEL ?? 'silent' }, process.stderr);
        const receiver = await startReceiver({
          config: read.config,
          clock: systemClock,
          log,
          fleet: { cloud, metrics: cloud },
          // Bars that move smoothly.
          limits: { firstPauseMs: 100, longestPauseMs: 100 },
        });
        return {
          url: receiver.url,
          reloadRules: () => receiver.ruleBook.reload(),
          stop: () => receiver.stop(),
        };
      }),
  ],
});
