import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { errorMessage } from '../common/error-message.js';
import { parseDuration } from '../common/units.js';
import { METRIC_NAMES, type MetricName } from '../fleet/fleet.js';
import { loadRules, parseRule } from '../rules/load.js';
import { RULE_SCHEMA_FILE, type RuleFile } from '../rules/rule.js';
import { ruleWarnings } from '../rules/rule-warnings.js';
import { type RuleChange, ruleFilePath, writeRule } from '../rules/write.js';
import { type CliContext, InputError, printJson } from './context.js';
import { RULE_KEYS, type RuleKey, parseAssignment, ruleValue, valueAt, withValue } from './rule-values.js';
import { OPERATORS, condition } from './rule-words.js';

interface Written {
  force?: boolean;
  json?: boolean;
}

const DEFAULT_SCRAPE = '1m';

/** How far two samples are apart, as this environment has it for its store; a minute where it says nothing. */
function scrapeIntervalMs({
  METRICS,
  PROMETHEUS_SCRAPE_INTERVAL,
  INFLUXDB_SCRAPE_INTERVAL,
}: ReturnType<CliContext['env']>) {
  const set = METRICS === 'influxdb' ? INFLUXDB_SCRAPE_INTERVAL : PROMETHEUS_SCRAPE_INTERVAL;
  return parseDuration(set?.trim() ?? '') ?? parseDuration(DEFAULT_SCRAPE) ?? Number.NaN;
}

function warn(context: CliContext, rule: RuleFile, before = ''): number {
  const warnings = ruleWarnings(rule, { scrapeIntervalMs: scrapeIntervalMs(context.env()) });
  for (const warning of warnings) context.terminal.err(`warning: ${before}${warning}\n`);
  return warnings.length;
}

function parseCondition(text: string): MetricName {
  const metric = METRIC_NAMES.find((name) => text === name || text.startsWith(`${name}.`));
  if (metric === undefined) {
    const known = METRIC_NAMES.map((name) => `"${name}.${OPERATORS[name].word}"`).join(' or ');
    throw new InputError([`metric: expected ${known}, got ${JSON.stringify(text)}`]);
  }
  const { word, side } = OPERATORS[metric];
  if (text === `${metric}.${word}`) return metric;
  const expected = `expected "${metric}.${word}", as a rule on ${metric} fires ${side} its threshold`;
  throw new InputError([`metric: ${expected}, got ${JSON.stringify(text)}`]);
}

/** A plain number, with or without a % sign where that fits, becomes one; the rest is for the rule's own check. */
function parseThreshold(metric: MetricName, text: string): number | string {
  const bare = metric === 'cpu.usage_active' ? text.replace(/\s*%$/, '') : text;
  return /^\d+(\.\d+)?$/.test(bare) ? Number(bare) : text;
}

/** Keys that are arguments of the command, or that have a word of their own below. */
const ELSEWHERE = ['name', 'metric', 'threshold', 'enabled', 'source.hosts', 'source.guests', 'target.hosts'];
const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];

const VALUES: Readonly<Partial<Record<RuleKey['kind'], string>>> = {
  map: '<name=value>',
  'map of lists': '<guest=host,host>',
  groups: '<guest,guest|tag:name>',
  number: '<number>',
  evidence: '<mean|minimum|share>',
};

/** `guards.memoryFloor` → `guards-memory-floor`. */
const flagOf = (path: string) => path.replaceAll('.', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** An option for each key of the schema that has none of its own. */
function keyOptions(): { key: RuleKey; option: Option }[] {
  return RULE_KEYS.filter(({ path }) => !ELSEWHERE.includes(path)).map((key) => {
    const { path, kind, description, isMany } = key;
    const value = kind === 'flag' ? '' : ` ${VALUES[kind] ?? '<value>'}`;
    const option = new Option(`--${flagOf(path)}${value}`, `${description}${isMany ? '; repeatable' : ''}`);
    return { key, option: isMany ? option.argParser(collect) : option };
  });
}

async function written(change: Promise<RuleChange>): Promise<string> {
  const done = await change;
  if (done.ok) return done.file;
  const remedy = done.reason === 'exists' ? '; --force replaces it' : '';
  throw new InputError(done.problems.map((text) => text + remedy));
}

/** `automigrate rules create`. */
export function createCommand(context: CliContext): Command {
  const keys = keyOptions();
  const command = new Command('create')
    .description('write a rule file')
    .argument('<name>', 'the name of the rule, and of the alerts that it takes')
    .argument('<metric>', METRIC_NAMES.map((name) => `${name}.${OPERATORS[name].word}`).join(' or '))
    .argument('<threshold>', '% of CPU, or memory such as 16GiB')
    .option('--source-host <host>', 'host to relieve, by id or name; repeatable; every host if absent', collect)
    .option('--source-guest <guest>', 'guest that may move, by id or name; repeatable; every guest if absent', collect)
    .option('--target-host <host>', 'host that guests may go to, by id or name; repeatable; any if absent', collect)
    .option('--disabled', 'it takes no alert until it is enabled');
  for (const { option } of keys) command.addOption(option);
  return command
    .option('--force', 'replace the rule if it exists')
    .option('--json', 'print JSON')
    .action(async (name: string, on: string, threshold: string, options: Written & Record<string, unknown>) => {
      const metric = parseCondition(on);
      let rule: RuleFile = {
        $schema: `./${RULE_SCHEMA_FILE}`,
        name,
        metric,
        threshold: parseThreshold(metric, threshold),
      };
      const given: [string, unknown][] = [
        ...keys
          .filter(({ key }) => key.path === 'period')
          .map(({ option }): [string, unknown] => ['period', options[option.attributeName()]]),
        ['source.hosts', options.sourceHost],
        ['source.guests', options.sourceGuest],
        ['target.hosts', options.targetHost],
        ...keys.flatMap(({ key, option }): [string, unknown][] => {
          const value = options[option.attributeName()];
          if (value === undefined || key.path === 'period') return [];
          return [[key.path, value === true ? true : ruleValue(key, [value].flat() as string[])]];
        }),
        ...(options.disabled === true ? ([['enabled', false]] as [string, unknown][]) : []),
      ];
      for (const [path, value] of given) rule = withValue(rule, path, value);
      const file = await written(writeRule(context.rulesDir(), rule, { overwrite: options.force ?? false }));
      warn(context, rule);
      if (options.json) printJson(context, { file, rule });
      else context.terminal.out(`wrote ${file}: ${condition(rule)}\n`);
    });
}

/** The rule file as people have written it. */
async function readRule(dir: string, name: string): Promise<RuleFile> {
  const path = ruleFilePath(dir, name);
  if (path === undefined) throw new InputError([`${JSON.stringify(name)} cannot be the name of a rule`]);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new InputError([`${path}: ${isGone ? 'there is no such rule' : errorMessage(error)}`]);
  });
  const parsed = parseRule(text, basename(path));
  if (!parsed.ok) throw new InputError(parsed.problems.map((problem) => `${path}: ${problem}`));
  return parsed.file;
}

const shown = (value: unknown) =>
  value === undefined ? 'not set' : typeof value === 'string' ? value : JSON.stringify(value);

async function change(
  context: CliContext,
  name: string,
  assignments: readonly { path: string; value: unknown }[],
  json: boolean | undefined,
): Promise<void> {
  const dir = context.rulesDir();
  const before = await readRule(dir, name);
  const after = assignments.reduce((rule, { path, value }) => withValue(rule, path, value), before);
  const file = await written(writeRule(dir, after, { overwrite: true }));
  warn(context, after);
  if (json) {
    printJson(context, { file, rule: after });
    return;
  }
  const lines = assignments.map(({ path }) => {
    const [was, is] = [shown(valueAt(before, path)), shown(valueAt(after, path))];
    return was === is ? `  ${path}: ${is}, as before` : `  ${path}: ${was} → ${is}`;
  });
  context.terminal.out([`wrote ${file}:`, ...lines, ''].join('\n'));
}

/** `automigrate rules set`. */
export function setCommand(context: CliContext): Command {
  return new Command('set')
    .description('change keys of a rule; all of them, or none if the rule could not be used')
    .argument('<name>')
    .argument('<key=value...>', 'such as threshold=55 source.hosts=a15,a16; nothing behind the "=" takes the key out')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nCron patterns, groups and entries are separated by ";": windows.allow="* 8-17 * * 1-5; * 8-12 * * 6",\n' +
        'keepApart="db-1,db-2; tag:anti-affinity", pinned="license-server=a15,a16".',
    )
    .action((name: string, texts: string[], { json }: Written) =>
      change(context, name, texts.map(parseAssignment), json),
    );
}

/** `automigrate rules enable` and `disable`. */
export function enableCommand(context: CliContext, verb: 'enable' | 'disable'): Command {
  const what = verb === 'enable' ? 'have a rule take alerts' : 'have a rule take no alert and begin nothing more';
  return new Command(verb)
    .description(what)
    .argument('<name>')
    .option('--json', 'print JSON')
    .action((name: string, { json }: Written) =>
      change(context, name, [{ path: 'enabled', value: verb === 'enable' }], json),
    );
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new InputError([`${file}: ${errorMessage(error)}`]);
  });
}

/** `automigrate rules check`: sets the exit status 2 where a rule cannot be used; a warning does not. */
export function checkCommand(context: CliContext): Command {
  return new Command('check')
    .description('check rule files, and warn about what hardly anybody means')
    .argument('[files...]', 'rule files; by default all of the directory')
    .action(async (files: string[]) => {
      const dir = context.rulesDir();
      const named = await Promise.all(
        files.map(async (file) => ({ file, parsed: parseRule(await readText(file), basename(file)) })),
      );
      const loaded = files.length === 0 ? await loadRules(dir) : undefined;
      const good = loaded
        ? loaded.files.map((rule) => ({ file: join(dir, `${rule.name}.json`), rule }))
        : named.flatMap(({ file, parsed }) => (parsed.ok ? [{ file, rule: parsed.file }] : []));
      const problems = loaded
        ? loaded.problems.map(({ text }) => text)
        : named.flatMap(({ file, parsed }) => (parsed.ok ? [] : parsed.problems.map((text) => `${file}: ${text}`)));
      const warnings = good
        .map(({ file, rule }) => warn(context, rule, `${file}: `))
        .reduce((sum, each) => sum + each, 0);
      if (problems.length > 0) throw new InputError(problems);
      const count = `${good.length} ${good.length === 1 ? 'rule' : 'rules'}`;
      context.terminal.out(
        `${count} can be used${warnings > 0 ? `, with ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}` : ''}\n`,
      );
    });
}
