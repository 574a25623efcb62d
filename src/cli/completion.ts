import { Argument, Command } from 'commander';
import type { CliContext } from './context.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** What can stand behind a command: its subcommands and options, by the words that lead there. */
interface Words {
  path: string;
  commands: { name: string; description: string }[];
  options: { name: string; description: string }[];
}

/**
 * Makes `automigrate completion`.
 * @param program - with every other command; it is read when the command runs.
 */
export function completionCommand(program: Command, context: CliContext): Command {
  return new Command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => context.terminal.out(SCRIPTS[shell](wordsOf(program, ''))));
}

function wordsOf(command: Command, path: string): Words[] {
  const commands = command.commands.map((each) => ({ name: each.name(), description: oneLine(each.description()) }));
  const options = command.options.flatMap(({ long, description }) =>
    typeof long === 'string' ? [{ name: long, description: oneLine(description) }] : [],
  );
  const own = { path, commands, options: [...options, { name: '--help', description: 'display help' }] };
  return [own, ...command.commands.flatMap((each) => wordsOf(each, `${path} ${each.name()}`.trim()))];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[^\p{L}\p{N} ,.;-]/gu, '');
}

const names = ({ commands, options }: Words): string => [...commands, ...options].map(({ name }) => name).join(' ');

const SCRIPTS: Readonly<Record<Shell, (words: readonly Words[]) => string>> = {
  bash: (words) => `# automigrate completion bash > /etc/bash_completion.d/automigrate
_automigrate() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && continue
    case "\${path:+$path }$word" in
      ${alternatives(words)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${words.map((each) => `    "${each.path}") COMPREPLY=($(compgen -W "${names(each)}" -- "\${COMP_WORDS[COMP_CWORD]}")) ;;`).join('\n')}
  esac
}
complete -o default -F _automigrate automigrate
`,
  zsh: (words) => `#compdef automigrate
# automigrate completion zsh > "\${fpath[1]}/_automigrate"
_automigrate() {
  local at="" word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && continue
    case "\${at:+$at }$word" in
      ${alternatives(words)}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at" in
${words.map((each) => `    "${each.path}") compadd -- ${names(each)} ;;`).join('\n')}
  esac
  _files
}
_automigrate "$@"
`,
  fish: (words) =>
    [
      '# automigrate completion fish > ~/.config/fish/completions/automigrate.fish',
      ...words.flatMap(({ path, commands, options }) => {
        const when =
          path === ''
            ? '__fish_use_subcommand'
            : path
                .split(' ')
                .map((word) => `__fish_seen_subcommand_from ${word}`)
                .join('; and ');
        const line = (what: string, description: string) =>
          `complete -c automigrate -n '${when}' ${what} -d '${description}'`;
        return [
          ...commands.map(({ name, description }) => line(`-f -a ${name}`, description)),
          ...options.map(({ name, description }) => line(`-l ${name.slice(2)}`, description)),
        ];
      }),
      '',
    ].join('\n'),
};

function alternatives(words: readonly Words[]): string {
  return words
    .filter(({ path }) => path !== '')
    .map(({ path }) => `"${path}"`)
    .join('|');
}
