import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { loadRules } from '../rules/load.js';
import type { RuleFile } from '../rules/rule.js';
import { ruleSchemaText } from '../rules/schema.js';
import { deleteRule, ruleFilePath } from '../rules/write.js';
import { type CliContext, printJson, refuse } from './context.js';
import { addExportCommand } from './export-rules.js';
import { checkCommand, createCommand, enableCommand, setCommand } from './change-rules.js';
import { steeringRows } from './rule-keys.js';
import { condition } from './rule-words.js';
import { type Cell, renderTable } from './table.js';

interface JsonOption {
  json?: boolean;
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
    rule.mode ?? 'auto',
  ];
}

/** What a column says of a rule that says nothing special: where that is all it says, a narrow table does without it. */
const USUAL: Readonly<Record<string, (rule: RuleFile) => string>> = {
  period: () => '5m',
  'source hosts': () => 'every host',
  'source guests': () => 'every guest',
  'target hosts': () => 'any host',
  alert: ({ name }) => name,
  enabled: () => 'yes',
  mode: () => 'auto',
};

/** The rules as a table; where that is too wide for the terminal, without the columns that say nothing of any rule. */
function rulesTable(rules: readonly RuleFile[], terminal: CliContext['terminal']): string {
  const rows = rules.map(row);
  const whole = renderTable(COLUMNS, rows, { colour: false });
  if (terminal.width === undefined || (whole.split('\n', 1)[0] ?? '').length <= terminal.width) {
    return renderTable(COLUMNS, rows, terminal);
  }
  const telling = COLUMNS.map((column, index) => ({ column, index })).filter(({ column, index }) => {
    const usual = USUAL[column];
    return !usual || rules.some((rule, at) => rows[at]?.[index] !== usual(rule));
  });
  return renderTable(
    telling.map(({ column }) => column),
    rows.map((cells) => telling.map(({ index }) => cells[index])),
    terminal,
  );
}

const COLUMNS = [
  'name',
  'condition',
  'period',
  'source hosts',
  'source guests',
  'target hosts',
  'alert',
  'enabled',
  'mode',
];

async function list(context: CliContext, dir: string, { json }: JsonOption): Promise<void> {
  const { files, problems } = await loadRules(dir);
  const texts = problems.map(({ text }) => text);
  if (json) printJson(context, { rules: files, problems: texts });
  else context.terminal.out(rulesTable(files, context.terminal));
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
  rules.addCommand(createCommand(context));
  rules.addCommand(setCommand(context));
  rules.addCommand(enableCommand(context, 'enable'));
  rules.addCommand(enableCommand(context, 'disable'));
  rules.addCommand(checkCommand(context));
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
