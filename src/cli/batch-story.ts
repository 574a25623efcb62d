import type { Explanation } from '../balancer/index.js';
import type { BatchView } from '../intake/views.js';
import type { EventAction, EventWithText } from '../journal/events.js';
import { migrationOf } from '../journal/events.js';
import type { BatchEnding } from '../journal/journal.js';
import { durationText } from '../common/units.js';
import { actionText, localTime, timeOfDay } from './event-lines.js';
import { paragraph } from './fit.js';
import { printable } from '../common/printable.js';
import { type Terminal, painter } from './terminal.js';

/** What is known of a batch. Without a receiver there are its events alone. */
export interface BatchFacts {
  id: string;
  /** Oldest first. */
  events: readonly EventWithText[];
  /** Present while it runs. */
  running?: BatchView;
  ending?: BatchEnding;
}

const MOVES: readonly EventAction[] = ['migrating', 'migrate_success', 'migrate_fail', 'migrate_error'];
const AFTERWARDS: readonly EventAction[] = ['verified', 'recommend_mode'];

const counted = (count: number, one: string) => `${count} ${count === 1 ? one : `${one}s`}`;

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** What the explanation of a plan says to people; of a journal of another version it may lack anything. */
function explained(event: EventWithText): string[] {
  const { sources = [], chosen, nextBest, missing } = (event.explanation ?? {}) as Partial<Explanation>;
  return [
    ...sources.map(({ text }) => text),
    ...(chosen === undefined ? [] : [`The plan: ${chosen}`]),
    ...(nextBest ? [`Why not another: ${nextBest.text}`] : []),
    ...(missing ? [`What is missing: ${missing.text}`] : []),
  ];
}

function opening({ id, events, running, ending }: BatchFacts): string {
  const [first] = events;
  const sender = ending?.sender ?? running?.sender ?? first?.user ?? 'somebody';
  const rules = unique(ending?.rules ?? running?.rules ?? events.map(({ obj_name }) => obj_name));
  const begun = ending?.accepted_at ?? running?.accepted_at ?? first?.ops_time;
  const when = begun === undefined ? '' : ` on ${localTime(begun).replace(' ', ' at ')}`;
  return `Batch ${id} came of an alert by ${sender}${when}, for ${rules.length === 1 ? 'rule' : 'the rules'} ${rules.join(', ')}.`;
}

/** How long a move took, where its beginning is known. */
function took(event: EventWithText, events: readonly EventWithText[]): string {
  const guest = migrationOf(event)?.guest.id;
  const began = events.findLast(
    (each) => each.action === 'migrating' && each.id < event.id && migrationOf(each)?.guest.id === guest,
  );
  if (event.action === 'migrating' || guest === undefined || !began) return '';
  const ms = Date.parse(event.ops_time) - Date.parse(began.ops_time);
  return ms >= 1000 ? ` (after ${durationText(ms)})` : '';
}

function outcome({ events, running, ending }: BatchFacts): string {
  const count = (action: EventAction) => events.filter((event) => event.action === action).length;
  const moved = ending?.succeeded ?? count('migrate_success');
  const failed = count('migrate_fail') + count('migrate_error');
  // Of those that came to nothing, the ones that were never begun.
  const leftOut = Math.max(0, (ending?.failed ?? failed) - failed);
  const sum = [
    moved > 0 ? `${counted(moved, 'guest')} moved` : 'no guest moved',
    ...(failed > 0 ? [`${counted(failed, 'move')} failed`] : []),
    ...(leftOut > 0 ? [`${counted(leftOut, 'move')} left out`] : []),
  ].join(', ');
  if (running) {
    const { step, stopped } = running;
    return `It still runs (${step}${stopped ? `, stopped by ${stopped.by}` : ''}); so far ${sum}.`;
  }
  if (!ending) return `So far ${sum}.`;
  const ms = Date.parse(ending.ended_at) - Date.parse(ending.accepted_at);
  const after = ms >= 1000 ? ` after ${durationText(ms)}` : ' at once';
  return `It ended${after}: ${sum}${ending.fault === undefined ? '' : `; it broke off: ${ending.fault}`}.`;
}

/**
 * A batch as one would tell it: what came, what was found and planned, each move, how it ended, and what it brought.
 * @returns paragraphs, no wider than the terminal, with a line end behind the last.
 */
export function batchStory(facts: BatchFacts, { width, colour }: Pick<Terminal, 'width' | 'colour'>): string {
  const paint = painter(colour);
  const { events } = facts;
  const wrap = (text: string, first = '', indent = first.length) => paragraph(printable(text), width, first, indent);
  const line = (event: EventWithText) => {
    const head = `${paint('dim', timeOfDay(event.ops_time))}  `;
    return wrap(`${event.text}${took(event, events)}`, `  ${head}`, 4);
  };
  const titled = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [[paint('bold', title), ...lines].join('\n')];

  const reasons = unique(events.flatMap(explained)).map((text) => wrap(text, '  ', 4));
  const moves = events.filter(({ action }) => MOVES.includes(action));
  const afterwards = events.filter(({ action }) => AFTERWARDS.includes(action));
  const others = events.filter((event) => !moves.includes(event) && !afterwards.includes(event));
  const found = others.map((event) => wrap(event.text, `  ${actionText(event.action, paint)}: `, 4));
  return `${[
    wrap(opening(facts)),
    ...titled('What was found', [...reasons, ...found]),
    ...titled('What was done', moves.map(line)),
    [paint('bold', 'How it ended'), wrap(outcome(facts), '  ')].join('\n'),
    ...titled('What it brought', afterwards.map(line)),
  ].join('\n\n')}\n`;
}
