import { readFileSync, readdirSync } from 'node:fs';
import { Command } from 'commander';
import { type CliContext, InputError } from './context.js';
import { paragraph } from './fit.js';
import { type Paint, painter } from './terminal.js';

/** The chapters stand beside the code, in the source and in what is built. */
const MANUAL = new URL('../manual/', import.meta.url);

interface Chapter {
  topic: string;
  title: string;
  text: string;
}

/** The chapters in the reader's language; those that there are in English only are in English. */
function chapters(language: string): Chapter[] {
  const read = (folder: string): Chapter[] => {
    const directory = new URL(`${folder}/`, MANUAL);
    return readdirSync(directory)
      .filter((name) => name.endsWith('.md'))
      .map((name) => {
        const text = readFileSync(new URL(name, directory), 'utf8');
        const topic = name.slice(0, -'.md'.length);
        return { topic, title: /^# (.+)$/m.exec(text)?.[1] ?? topic, text };
      });
  };
  const folders = readdirSync(MANUAL).filter((name) => name === 'en' || name === language);
  const byTopic = new Map(
    folders.sort((a) => (a === 'en' ? -1 : 1)).flatMap((name) => read(name).map((each) => [each.topic, each])),
  );
  return [...byTopic.values()].sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

/** A chapter at a terminal: titles in bold, paragraphs as wide as there is room; code and tables as they are. */
function rendered(text: string, width: number, paint: Paint): string {
  const blocks = text
    .split(/^( *```[^]*?^ *```)$/m)
    .flatMap((part, at) =>
      at % 2 === 1 ? [part] : part.split(/\n{2,}/).map((block) => block.replace(/^\n+|\n+$/g, '')),
    )
    .filter((block) => block !== '');
  return blocks
    .map((block) => {
      if (/^ *```/.test(block) || /^\s*\|/.test(block)) return block;
      const [, title] = /^#+ (.+)$/.exec(block) ?? [];
      if (title !== undefined) return paint('bold', title);
      // A list has an entry a line; the lines of a paragraph are one.
      return block
        .split(/\n(?=\s*(?:[-*]|\d+\.) |#+ )/)
        .map((part) => {
          const [, heading] = /^#+ (.+)$/.exec(part) ?? [];
          if (heading !== undefined) return paint('bold', heading);
          const [mark = ''] = /^\s*(?:[-*]|\d+\.) /.exec(part) ?? [];
          return paragraph(part.slice(mark.length).replaceAll(/\s*\n\s*/g, ' '), width, mark, mark.length);
        })
        .join('\n');
    })
    .join('\n\n');
}

function languageOf({ LC_ALL, LC_MESSAGES, LANG }: ReturnType<CliContext['env']>): string {
  return (LC_ALL ?? LC_MESSAGES ?? LANG ?? 'en').slice(0, 2);
}

/** `automigrate help`: a command explained, or a chapter of the manual. */
export function helpCommand(program: Command, context: CliContext): Command {
  return new Command('help')
    .description('explain a command, or print a chapter of the manual')
    .argument('[topic...]', 'a command, such as rules create, or a chapter')
    .action((words: string[]) => {
      const { terminal } = context;
      const topics = chapters(languageOf(context.env()));
      const [first] = words;
      const command = words.reduce<Command | undefined>(
        (found, word) => found?.commands.find((each) => each.name() === word),
        program,
      );
      if (command) {
        command.outputHelp();
        const list = topics.map(({ topic, title }) => `  ${topic.padEnd(16)} ${title}`);
        if (first === undefined)
          terminal.out(['', 'Chapters of the manual (automigrate help TOPIC):', ...list, ''].join('\n'));
        return;
      }
      const chapter = words.length === 1 ? topics.find(({ topic }) => topic === first) : undefined;
      if (!chapter) {
        const known = topics.map(({ topic }) => topic).join(', ');
        throw new InputError([
          `there is no command and no chapter ${JSON.stringify(words.join(' '))}; chapters: ${known}`,
        ]);
      }
      const { width } = terminal;
      terminal.out(
        width === undefined ? chapter.text : `${rendered(chapter.text, width, painter(terminal.colour)).trimEnd()}\n`,
      );
    });
}
