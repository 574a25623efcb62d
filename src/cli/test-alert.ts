import type { Command } from 'commander';
import type { TryView } from '../intake/views.js';
import type { CliContext } from './context.js';
import { EXIT } from './context.js';
import { planText } from './plan-text.js';
import { receiverCommand, receiverFor, tell } from './receiver-command.js';

/** `POST /api/test-alert`. */
interface TestAlertAnswer {
  outcome: string;
  /** The webhook that was made. */
  alert: unknown;
  /** What the door has answered. */
  answer: { outcome?: string; reason?: string; text?: string; batch?: string };
  plan?: TryView;
  batch?: string;
}

function answerText({ answer, outcome }: TestAlertAnswer): string {
  const { outcome: word = outcome, reason, text } = answer;
  return `the receiver answers: ${word}${reason === undefined ? '' : ` (${reason})`}${text === undefined ? '' : `: ${text}`}`;
}

/** What came of an alert that was sent. */
function cameOf(plan: TestAlertAnswer['plan'], batch: string | undefined): string {
  if (batch === undefined) return 'nothing moves: the alert was not accepted';
  const story = `"automigrate events ${batch}" tells how it goes`;
  switch (plan?.would.outcome) {
    case 'recommend':
      return `nothing moves without an approval: ${story}, "automigrate plans" shows what waits`;
    case 'nothing':
      return `nothing is to be moved: ${story}`;
    case 'move':
    case undefined:
      return `it is carried out: ${story}`;
  }
}

/** `automigrate test-alert`: sends a true webhook for a rule and a host, and tells what came of it. */
export function testAlertCommand(context: CliContext): Command {
  const command = receiverCommand('test-alert', 'send an alert of a rule as a sender would, and tell what comes of it');
  return command
    .argument('<rule>', 'the name of the rule')
    .requiredOption('--host <host>', 'the host that alerts, by id or name')
    .option('--go', 'carry out what it leads to; without it nothing moves')
    .action(async (rule: string, { host, go = false }: { host: string; go?: boolean }) => {
      const { body } = await receiverFor(context, command).post<TestAlertAnswer>('/api/test-alert', { rule, host, go });
      tell(context, command, body, (answer) => {
        const batch = answer.batch ?? answer.answer.batch;
        return [
          answerText(answer),
          ...(answer.plan ? ['', planText(answer.plan)] : []),
          '',
          go ? cameOf(answer.plan, batch) : 'nothing was moved; --go carries it out',
        ];
      });
      if (go && (body.batch ?? body.answer.batch) === undefined) context.exit(EXIT.notDone);
    });
}
