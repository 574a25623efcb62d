import { Command } from 'commander';
import { pathOf } from '../fleet/http-client.js';
import type { ApprovalAnswer } from '../intake/views.js';
import { type CliContext, EXIT, InputError, printJson } from './context.js';
import { TOKEN_HELP, receiverOf, urlOption } from './receiver.js';

interface ApproveOptions {
  url?: string;
  json?: true;
}

function pathTo(plan: string): string {
  try {
    return `/api/plans${pathOf(plan)}/approve`;
  } catch {
    throw new InputError([`there is no plan ${JSON.stringify(plan)}`]);
  }
}

/** What came of it in words, and as exit status. */
function told(answer: ApprovalAnswer, plan: string): { lines: string[]; status: number } {
  switch (answer.outcome) {
    case 'accepted': {
      const left = (answer.no_longer_needed ?? []).map((guest) => `  ${guest} stays: its move is no longer needed`);
      return { lines: [`plan ${plan} is carried out as batch ${answer.batch}`, ...left], status: EXIT.ok };
    }
    case 'waiting':
      return { lines: [`plan ${plan} is carried out when batch ${answer.batch} has ended`], status: EXIT.ok };
    case 'invalid':
      return { lines: answer.problems.map(({ field, message }) => `${field}: ${message}`), status: EXIT.badInput };
    case 'refused': {
      const reasons = answer.reasons.map((reason) => `  ${reason}`);
      return { lines: [`plan ${plan} is not carried out (${answer.reason}):`, ...reasons], status: EXIT.notDone };
    }
    case 'unknown':
      return { lines: [`there is no plan ${plan}`], status: EXIT.badInput };
    case 'unavailable':
      return { lines: [`plan ${plan} is not carried out: ${answer.text}`], status: EXIT.fault };
  }
}

async function runApprove(plan: string, options: ApproveOptions, context: CliContext): Promise<void> {
  const receiver = receiverOf(context, options.url);
  const unknown = `there is no plan ${JSON.stringify(plan)}`;
  const { body: answer } = await receiver.post<ApprovalAnswer>(pathTo(plan), {}, unknown);
  const { lines, status } = told(answer, plan);
  if (options.json) printJson(context, answer);
  else context.terminal.out(`${lines.join('\n')}\n`);
  context.exit(status);
}

/**
 * `automigrate approve`: has a running receiver carry out a recommended plan.
 * Sets the exit status: 0 if it is carried out, 3 if it is not, 2 for an unknown plan or a wrong token.
 */
export function approveCommand(context: CliContext): Command {
  return new Command('approve')
    .description('carry out a recommended plan, if it still holds; asks the running receiver')
    .argument('<plan>', 'the id of the plan, as in the event "recommended" and GET /api/plans')
    .addOption(urlOption())
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', TOKEN_HELP)
    .action((plan: string, options: ApproveOptions) => runApprove(plan, options, context));
}
