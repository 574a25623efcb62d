import type { Command } from 'commander';
import { pathOf } from '../fleet/http-client.js';
import type { ApprovalAnswer, DismissalAnswer, PlanView } from '../intake/views.js';
import { type CliContext, EXIT, InputError } from './context.js';
import { receiverCommand, receiverFor, tell } from './receiver-command.js';
import type { Receiver } from './receiver-client.js';

/** The answers that reach a command: the client turns the others into errors. */
type Approved = Extract<ApprovalAnswer, { outcome: 'accepted' | 'waiting' | 'refused' }>;
type Dismissed = Extract<DismissalAnswer, { outcome: 'dismissed' | 'refused' }>;

interface ApproveOptions {
  moves?: string[];
  whenFree?: true;
}

const PLAN = 'the id of the plan, as in the event "recommended" and "automigrate plans"';
const unknown = (plan: string) => `there is no plan ${JSON.stringify(plan)}`;

function pathTo(plan: string, verb: string): string {
  try {
    return `/api/plans${pathOf(plan)}/${verb}`;
  } catch {
    throw new InputError([unknown(plan)]);
  }
}

/** The ids of guests that people name. */
async function guestIds(receiver: Receiver, plan: string, names: readonly string[]): Promise<string[]> {
  const { plans } = await receiver.get<{ plans: PlanView[] }>('/api/plans');
  const found = plans.find(({ id }) => id === plan);
  if (!found) throw new InputError([`${receiver.url}: ${unknown(plan)}`]);
  const guests = found.migrations.map(({ guest }) => guest);
  return names.map((word) => {
    const [guest, ...others] = guests.filter(({ id, name }) => id === word || name === word);
    if (guest && others.length === 0) return guest.id;
    const known = guests.map(({ name }) => name).join(', ');
    throw new InputError([
      guest
        ? `--moves: ${plan} moves several guests that are called ${JSON.stringify(word)}; give their ids`
        : `--moves: ${plan} does not move ${JSON.stringify(word)}; it moves ${known}`,
    ]);
  });
}

function approvedText(answer: Approved, plan: string): string[] {
  switch (answer.outcome) {
    case 'accepted': {
      const left = (answer.no_longer_needed ?? []).map((guest) => `  ${guest} stays: its move is no longer needed`);
      return [`plan ${plan} is carried out as batch ${answer.batch}`, ...left];
    }
    case 'waiting':
      return [`plan ${plan} is carried out when batch ${answer.batch} has ended, if it still holds then`];
    case 'refused':
      return [`plan ${plan} is not carried out (${answer.reason}):`, ...answer.reasons.map((reason) => `  ${reason}`)];
  }
}

/**
 * `automigrate approve`: has a running receiver carry out a recommended plan.
 * Sets the exit status: 0 if it is carried out, 3 if it is not, 2 for an unknown plan or a wrong token.
 */
export function approveCommand(context: CliContext): Command {
  const command = receiverCommand('approve', 'carry out a recommended plan, if it still holds');
  return command
    .argument('<plan>', PLAN)
    .option('--moves <guests>', 'only these guests, by id or name, separated by commas', (text: string) =>
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    )
    .option('--when-free', 'where a batch runs, as soon as that has ended')
    .action(async (plan: string, { moves, whenFree }: ApproveOptions) => {
      const path = pathTo(plan, 'approve');
      const receiver = receiverFor(context, command);
      const asked = {
        ...(moves && { moves: await guestIds(receiver, plan, moves) }),
        ...(whenFree && { when: 'free' }),
      };
      const { body } = await receiver.post<Approved>(path, asked, unknown(plan));
      tell(context, command, body, (answer) => approvedText(answer, plan));
      if (body.outcome === 'refused') context.exit(EXIT.notDone);
    });
}

/** `automigrate dismiss`: says no to a recommended plan. Sets the exit status as {@link approveCommand} does. */
export function dismissCommand(context: CliContext): Command {
  const command = receiverCommand('dismiss', 'say no to a recommended plan');
  return command
    .argument('<plan>', PLAN)
    .requiredOption('--reason <text>', 'why, for everybody who wonders')
    .action(async (plan: string, { reason }: { reason: string }) => {
      const receiver = receiverFor(context, command);
      const { body } = await receiver.post<Dismissed>(pathTo(plan, 'dismiss'), { reason }, unknown(plan));
      tell(context, command, body, (answer) =>
        answer.outcome === 'dismissed'
          ? `plan ${plan} is dismissed: ${reason}`
          : [`plan ${plan} is not dismissed (${answer.reason}):`, ...answer.reasons.map((each) => `  ${each}`)],
      );
      if (body.outcome === 'refused') context.exit(EXIT.notDone);
    });
}
