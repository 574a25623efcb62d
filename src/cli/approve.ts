import { Command } from 'commander';
import type { Clock } from '../common/clock.js';
import type { Environment } from '../config/read-config.js';
import { HttpCallError, createHttpClient, pathOf } from '../fleet/http-client.js';
import { apiToken } from '../http/api-users.js';
import type { ApprovalAnswer } from '../intake/views.js';
import { type CliContext, EXIT, printJson, refuse } from './context.js';
import { InputError } from './plan.js';

/** Nothing is moved although the request was fine. */
const NOT_DONE = 3;
/** The receiver asks cloud and metric store before it answers. */
const TIMEOUT_MS = 120_000;
const DEFAULT_URL = 'http://127.0.0.1:9095';

interface ApproveOptions {
  url?: string;
  json?: true;
}

function addressOf(option: string | undefined, env: Environment): string {
  const set = env.AUTOMIGRATE_URL?.trim();
  const url = option ?? (set === undefined || set === '' ? DEFAULT_URL : set);
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  const name = option === undefined ? 'AUTOMIGRATE_URL' : '--url';
  throw new InputError([`${name}: expected an http or https URL, got ${JSON.stringify(url)}`]);
}

function pathTo(plan: string): string {
  try {
    return `/api/plans${pathOf(plan)}/approve`;
  } catch {
    throw new InputError([`there is no plan ${JSON.stringify(plan)}`]);
  }
}

async function ask(plan: string, url: string, env: Environment, clock: Clock): Promise<ApprovalAnswer> {
  // Several tokens are valid while they are being changed; the first is the one to use, without the name of who has it.
  const [configured = ''] = (env.API_TOKEN ?? '').split(',').map((word) => word.trim());
  const { token } = apiToken(configured);
  const client = createHttpClient({ system: url, baseUrl: url, timeoutMs: TIMEOUT_MS, clock, random: Math.random });
  const call = {
    what: 'approve',
    method: 'POST' as const,
    path: pathTo(plan),
    body: {},
    headers: token ? { authorization: `Bearer ${token}` } : {},
    expect: [401, 403, 404, 409, 421, 503],
  };
  const { status, body } = await client.once(call).catch((error: unknown) => {
    if (!(error instanceof HttpCallError)) throw error;
    const hint = error.status === undefined ? ' (is the receiver running there? --url says where)' : '';
    throw new Error(`${error.message}${hint}`, { cause: error });
  });
  if (status === 401) throw new InputError([`${url}: the token is not valid; API_TOKEN holds it`]);
  if (status === 403 || status === 421) throw new InputError([`${url}: ${(body as { message: string }).message}`]);
  if (status === 404) throw new InputError([`${url}: there is no plan ${JSON.stringify(plan)}`]);
  return body as ApprovalAnswer;
}

/** What came of it in words, and as exit status. */
function told(answer: ApprovalAnswer, plan: string): { lines: string[]; status: number } {
  switch (answer.outcome) {
    case 'accepted': {
      const left = (answer.no_longer_needed ?? []).map((guest) => `  ${guest} stays: its move is no longer needed`);
      return { lines: [`plan ${plan} is carried out as batch ${answer.batch}`, ...left], status: EXIT.ok };
    }
    case 'refused': {
      const reasons = answer.reasons.map((reason) => `  ${reason}`);
      return { lines: [`plan ${plan} is not carried out (${answer.reason}):`, ...reasons], status: NOT_DONE };
    }
    case 'unknown':
      return { lines: [`there is no plan ${plan}`], status: EXIT.badInput };
    case 'unavailable':
      return { lines: [`plan ${plan} is not carried out: ${answer.text}`], status: EXIT.fault };
  }
}

async function runApprove(plan: string, options: ApproveOptions, context: CliContext, clock: Clock): Promise<void> {
  try {
    const env = context.env();
    const answer = await ask(plan, addressOf(options.url, env), env, clock);
    const { lines, status } = told(answer, plan);
    if (options.json) printJson(context, answer);
    else context.terminal.out(`${lines.join('\n')}\n`);
    context.exit(status);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    refuse(context, error.problems);
  }
}

/**
 * `automigrate approve`: has a running receiver carry out a recommended plan.
 * Sets the exit status: 0 if it is carried out, 3 if it is not, 2 for an unknown plan or a wrong token.
 */
export function approveCommand(context: CliContext, clock: Clock): Command {
  return new Command('approve')
    .description('carry out a recommended plan, if it still holds; asks the running receiver')
    .argument('<plan>', 'the id of the plan, as in the event "recommended" and GET /api/plans')
    .option('--url <url>', `where the receiver listens (default: $AUTOMIGRATE_URL, or ${DEFAULT_URL})`)
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', '\nAPI_TOKEN in the environment holds the token, if the receiver asks for one.')
    .action((plan: string, options: ApproveOptions) => runApprove(plan, options, context, clock));
}
