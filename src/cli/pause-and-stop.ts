import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { PauseAnswer, ResumeAnswer, StopAnswer } from '../intake/views.js';
import { parseDuration } from '../common/units.js';
import { type CliContext, EXIT } from './context.js';
import { localTime } from './event-lines.js';
import { receiverCommand, receiverFor, tell } from './receiver-command.js';

function lasting(text: string): string {
  if (parseDuration(text) === undefined) throw new InvalidArgumentError('Expected a duration such as 2h or 1h30m.');
  return text;
}

/** Moves as `guest to host`, one a line. */
const listed = (title: string, moves: readonly string[]) =>
  moves.length === 0 ? [] : [`${title}:`, ...moves.map((move) => `  ${move}`)];

/** `automigrate pause`: nothing is taken on and nothing begins until it ends. */
export function pauseCommand(context: CliContext): Command {
  const command = receiverCommand('pause', 'take no more alerts and begin no more migrations');
  return command
    .requiredOption('--reason <text>', 'why, for everybody who wonders')
    .addOption(
      new Option('--for <duration>', 'it ends by itself after so long (2h); else with resume').argParser(lasting),
    )
    .action(async ({ reason, for: duration }: { reason: string; for?: string }) => {
      const asked = { reason, ...(duration !== undefined && { for: duration }) };
      const { body } = await receiverFor(context, command).post<Extract<PauseAnswer, { outcome: 'paused' }>>(
        '/api/pause',
        asked,
      );
      tell(context, command, body, ({ paused }) => [
        `paused by ${paused.by} ${paused.until === undefined ? 'until somebody resumes' : `until ${localTime(paused.until)}`}: ${paused.reason}`,
        'what is under way is followed to its end; "automigrate stop" ends the running batch',
      ]);
    });
}

/** `automigrate resume`. */
export function resumeCommand(context: CliContext): Command {
  const command = receiverCommand('resume', 'end the pause');
  return command.action(async () => {
    const { body } = await receiverFor(context, command).post<Extract<ResumeAnswer, { outcome: 'resumed' }>>(
      '/api/resume',
      {},
    );
    tell(context, command, body, (answer) => (answer.was_paused ? 'resumed' : 'it was not paused'));
  });
}

/** `automigrate stop`: sets the exit status 3 where no batch runs. */
export function stopCommand(context: CliContext): Command {
  const command = receiverCommand('stop', 'have the running batch begin nothing more');
  return command
    .option('--abort', 'cancel what is under way too')
    .action(async ({ abort = false }: { abort?: boolean }) => {
      type Stopped = Exclude<StopAnswer, { outcome: 'unavailable' }>;
      const { body } = await receiverFor(context, command).post<Stopped>('/api/batch/stop', { abort });
      tell(context, command, body, (answer) => {
        if (answer.outcome === 'refused') return answer.reasons;
        return [
          `batch ${answer.batch} begins nothing more`,
          ...listed('does not move', answer.left_out),
          ...listed(answer.abort ? 'is being cancelled' : 'is followed to its end', answer.under_way),
          ...(answer.no_longer_waiting ?? []).map(
            (plan) => `plan ${plan} does not wait for its end any more: it is open again`,
          ),
          ...(answer.abort ? [`"automigrate events ${answer.batch}" tells whether it was`] : []),
        ];
      });
      if (body.outcome === 'refused') context.exit(EXIT.notDone);
    });
}
