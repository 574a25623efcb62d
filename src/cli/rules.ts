import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { METRIC_NAMES, type MetricName } from '../fleet/fleet.js';
import { loadRules } from '../rules/load.js';
import { RULE_SCHEMA_FILE, type RuleFile } from '../rules/rule.js';
import { ruleSchemaText } from '../rules/schema.js';
import { deleteRule, ruleFilePath, writeRule } from '../rules/write.js';
import { type CliContext, printJson, refuse } from './context.js';
import { addExportCommand } from './export-rules.js';
import { steeringRows } from './rule-keys.js';
import { type Cell, renderTable } from './table.js';

interface CreateOptions {
  period?: string;
  sourceHost: string[];
  sourceGuest: string[];
  targetHost: string[];
  force?: boolean;
  json?: boolean;
}
interface JsonOption {
  json?: boolean;
}

const OPERATORS: Record<MetricName, { word: string; sign: string; side: string }> = {
  'cpu.usage_active': { word: 'gt', sign: '>', side: 'above' },
  'mem.available': { word: 'lt', sign: '<', side: 'below' },
};

/** What `cpu.usage_active.gt` means, or why it means nothing. */
type Condition = { ok: true; metric: MetricName } | { ok: false; problem: string };

function parseCondition(text: string): Condition {
  const metric = METRIC_NAMES.find((name) => text === name || text.startsWith(`${name}.`));
  if (metric === undefined) {
    const known = METRIC_NAMES.map((name) => `"${name}.${OPERATORS[name].word}"`).join(' or ');
    return { ok: false, problem: `metric: expected ${known}, got ${JSON.stringify(text)}` };
  }
  const { word, side } = OPERATORS[metric];
  if (text === `${metric}.${word}`) return { ok: true, metric };
  const expected = `expected "${metric}.${word}", as a rule on ${metric} fires ${side} its threshold`;
  return { ok: false, problem: `metric: ${expected}, got ${JSON.stringify(text)}` };
}

/** A plain number, with or without a % sign where that fits, becomes one; the rest is for the rule's own check. */
function parseThreshold(metric: MetricName, text: string): number | string {
  const bare = metric === 'cpu.usage_active' ? text.replace(/\s*%$/, '') : text;
  return /^\d+(\.\d+)?$/.test(bare) ? Number(bare) : text;
}

const more = (value: string, before: string[]) => [...before, value];

function ruleOf(name: string, metric: MetricName, threshold: string, options: CreateOptions): RuleFile {
  const { period, sourceHost: hosts, sourceGuest: guests, targetHost: targets } = options;
  const source = { ...(hosts.length > 0 && { hosts }), ...(guests.length > 0 && { guests }) };
  return {
    $schema: `./${RULE_SCHEMA_FILE}`,
    name,
    metric,
    threshold: parseThreshold(metric, threshold),
    ...(period !== undefined && { period }),
    ...(Object.keys(source).length > 0 && { source }),
    ...(targets.length > 0 && { target: { hosts: targets } }),
  };
}

/** `cpu.usage_active > 60 %`, `mem.available < 16GiB`. */
function condition({ metric, threshold }: RuleFile): string {
  const unit = metric === 'cpu.usage_active' ? ' %' : typeof threshold === 'number' ? ' bytes' : '';
  return `${metric} ${OPERATORS[metric].sign} ${threshold}${unit}`;
}

function row(rule: RuleFile): Cell[] {
  const list = (references: string[] | undefined, none: string) => (references?.length ? references.join(', ') : none);
  return [
    rule.name,
    condition(rule),
    rule.period ?? '5m',
    list(rule.source?.hosts, 'every host'),
    list(rule.source?.guests, 'every guest'),
    list(rule.target?.hosts, 'any host'),
    rule.match?.alert ?? rule.name,
    rule.enabled === false ? 'no' : 'yes',
  ];
}

const COLUMNS = ['name', 'condition', 'period', 'source hosts', 'source guests', 'target hosts', 'alert', 'enabled'];

async function list(context: CliContext, dir: string, { json }: JsonOption): Promise<void> {
  const { files, problems } = await loadRules(dir);
  const texts = problems.map(({ text }) => text);
  if (json) printJson(context, { rules: files, problems: texts });
  else context.terminal.out(renderTable(COLUMNS, files.map(row), context.terminal));
  if (texts.length > 0) refuse(context, texts);
}

async function show(context: CliContext, dir: string, name: string, { json }: JsonOption): Promise<void> {
  const { files, problems } = await loadRules(dir);
  const rule = files.find((file) => file.name === name);
  if (!rule) {
    const path = ruleFilePath(dir, name);
    const own = problems.filter(({ file }) => file === path || file === dir).map(({ text }) => text);
    refuse(context, own.length > 0 ? own : [`there is no rule ${JSON.stringify(name)} in ${dir}`]);
    return;
  }
  if (json) {
    printJson(context, rule);
    return;
  }
  const labels = Object.entries(rule.match?.labels ?? {}).map(([label, value]) => `${label}=${value}`);
  const pairs = [
    ...COLUMNS.map((column, index): Cell[] => [column, row(rule)[index]]),
    ['labels', labels.join(', ') || 'any'],
    ['host label', rule.match?.hostLabel ?? 'the usual ones'],
    ...steeringRows(rule),
  ];
  context.terminal.out(renderTable(['key', 'value'], pairs, context.terminal));
}

async function create(
  context: CliContext,
  dir: string,
  [name, on, threshold]: [string, string, string],
  options: CreateOptions,
): Promise<void> {
  const parsed = parseCondition(on);
  if (!parsed.ok) {
    refuse(context, [parsed.problem]);
    return;
  }
  const rule = ruleOf(name, parsed.metric, threshold, options);
  const written = await writeRule(dir, rule, { overwrite: options.force ?? false });
  if (!written.ok) {
    const remedy = written.reason === 'exists' ? '; --force replaces it' : '';
    refuse(
      context,
      written.problems.map((text) => text + remedy),
    );
    return;
  }
  if (options.json) printJson(context, { file: written.file, rule });
  else context.terminal.out(`wrote ${written.file}: ${condition(rule)}\n`);
}

/** Adds `automigrate rules …`. */
export function addRulesCommand(program: Command, context: CliContext): void {
  const rules = program.command('rules').description('look after the rule files');
  rules
    .command('list')
    .description('print all rules, and what is wrong with broken files')
    .option('--json', 'print JSON')
    .action((options: JsonOption) => list(context, context.rulesDir(), options));
  rules
    .command('show')
    .description('print one rule')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action((name: string, options: JsonOption) => show(context, context.rulesDir(), name, options));
  rules
    .command('create')
    .description('write a rule file')
    .argument('<name>', 'the name of the rule, and of the alerts that it takes')
    .argument('<metric>', METRIC_NAMES.map((name) => `${name}.${OPERATORS[name].word}`).join(' or '))
    .argument('<threshold>', '% of CPU, or memory such as 16GiB')
    .option('--period <duration>', 'window that metrics are averaged over (default 5m)')
    .option('--source-host <host>', 'host to relieve, by id or name; repeatable; every host if absent', more, [])
    .option('--source-guest <guest>', 'guest that may move, by id or name; repeatable; every guest if absent', more, [])
    .option('--target-host <host>', 'host that guests may go to, by id or name; repeatable; any if absent', more, [])
    .option('--force', 'replace the rule if it exists')
    .option('--json', 'print JSON')
    .action((name: string, metric: string, threshold: string, options: CreateOptions) =>
      create(context, context.rulesDir(), [name, metric, threshold], options),
    );
  rules
    .command('delete')
    .description('delete a rule file')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: JsonOption) => {
      const deleted = await deleteRule(context.rulesDir(), name);
      if (!deleted.ok) refuse(context, deleted.problems);
      else if (json) printJson(context, { file: deleted.file });
      else context.terminal.out(`deleted ${deleted.file}\n`);
    });
  addExportCommand(rules, context);
  rules
    .command('schema')
    .description('print the JSON Schema of rule files')
    .option('--write <file>', 'write it to a file instead')
    .action(async ({ write }: { write?: string }) => {
      if (write === undefined) context.terminal.out(ruleSchemaText());
      else await writeFile(write, ruleSchemaText());
    });
}
