import { Command } from 'commander';
import type { Config } from '../../config/read-config.js';
import { readConfig } from '../../config/read-config.js';
import wrapAnsi from 'wrap-ansi';
import type { CliContext } from '../context.js';
import { EXIT, printJson, refuse } from '../context.js';
import { printable } from '../../common/printable.js';
import { painter } from '../terminal.js';
import type { Evidence, Finding } from './finding.js';
import { SUBJECTS } from './finding.js';
import { judgeAlerts } from './judge-alerts.js';
import { judgeCloud, judgeReadings } from './judge-fleet.js';
import { judgeRules } from './judge-rules.js';
import { judgeJournal, judgeSettings } from './judge-settings.js';

/** Everything there is to say, in the order of {@link SUBJECTS}. */
export function judgeAll(evidence: Evidence): Finding[] {
  return [
    ...judgeSettings(evidence),
    judgeJournal(evidence),
    ...judgeCloud(evidence),
    ...judgeReadings(evidence),
    ...judgeRules(evidence),
    ...judgeAlerts(evidence),
  ];
}

const SIGNS = { ok: 'ok', note: '- ', wrong: '! ' } as const;
const STYLES = { ok: 'green', note: 'dim', wrong: 'red' } as const;

/** The findings as people read them, no wider than the terminal. */
export function renderFindings(
  findings: readonly Finding[],
  { width, colour }: Pick<CliContext['terminal'], 'width' | 'colour'>,
): string {
  const paint = painter(colour);
  const within = (text: string) =>
    wrapAnsi(printable(text), Math.max(20, (width ?? Infinity) - 5), { hard: true })
      .split('\n')
      .join('\n     ');
  const line = ({ verdict, text, remedy }: Finding) => {
    const todo = remedy === undefined || verdict === 'ok' ? '' : `     ${within(`→ ${remedy}`)}\n`;
    return `  ${paint(STYLES[verdict], SIGNS[verdict])} ${within(text)}\n${todo}`;
  };
  const parts = SUBJECTS.flatMap((subject) => {
    const about = findings.filter((finding) => finding.subject === subject);
    return about.length === 0 ? [] : [`${paint('bold', subject)}\n${about.map(line).join('')}`];
  });
  const wrong = findings.filter(({ verdict }) => verdict === 'wrong').length;
  return `${parts.join('')}${wrong === 0 ? 'All is well.' : `${wrong} to look at.`}\n`;
}

/**
 * `automigrate doctor`: looks at everything that the receiver of these settings needs, and changes nothing.
 * Sets the exit status: 0 if all is well, 1 if not, 2 for settings that the receiver would not start with.
 * @param examine - asks cloud, store and directories.
 */
export function doctorCommand(
  context: CliContext,
  examine: (config: Config, warnings: readonly string[]) => Promise<Evidence>,
): Command {
  return new Command('doctor')
    .description('look whether cloud, readings, rules and settings are in order; changes nothing')
    .option('--json', 'print the findings as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const read = readConfig(context.env());
      if (!read.ok) {
        refuse(context, [...read.problems, ...read.warnings]);
        return;
      }
      const findings = judgeAll(await examine(read.config, read.warnings));
      const isWell = findings.every(({ verdict }) => verdict !== 'wrong');
      if (json) printJson(context, { ok: isWell, findings });
      else context.terminal.out(renderFindings(findings, context.terminal));
      context.exit(isWell ? EXIT.ok : EXIT.fault);
    });
}
