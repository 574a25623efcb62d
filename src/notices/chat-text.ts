import { printable } from '../common/printable.js';
import type { Notice } from './notice.js';

/** A notice as a line of a chat. */
export interface ChatLine {
  text: string;
  link?: string;
}

/** A line is cut to this, bytes of UTF-8: one always fits into a message, whatever the service. */
const MOST_LINE_BYTES = 1200;
/** Longer messages nobody reads. */
const MOST_LINES = 20;

/**
 * Text in which nothing is a mention, an address or a tag, wherever a name in it comes from: the characters that chats look for
 * are replaced by their full-width forms, and control characters are spelled out. Nothing invisible is put in, so that what
 * is copied from a chat is what is seen.
 */
export function inert(text: string): string {
  return printable(text.replaceAll(/\s+/g, ' '))
    .replaceAll('@', '＠')
    .replaceAll('://', '：//')
    .replaceAll(/<(?=[a-z/!#?])/gi, '＜');
}

/** The line of a notice: rule, what happened, when (it may come late), and the sentence. */
export function lineOf({ rule, action, at, text, link }: Notice): ChatLine {
  const head = `${rule} ${action} (${at.slice(0, 16).replace('T', ' ')} UTC): `;
  return { text: cut(inert(head + text), MOST_LINE_BYTES), ...(link !== undefined && { link }) };
}

/**
 * As many lines from the front as fit into one message, at least one.
 * @param sizeOf - what a line takes there, in the unit of `most`.
 */
export function fitting(lines: readonly ChatLine[], most: number, sizeOf: (line: ChatLine) => number): ChatLine[] {
  let left = most;
  const fit: ChatLine[] = [];
  for (const line of lines.slice(0, MOST_LINES)) {
    left -= sizeOf(line);
    if (left < 0 && fit.length > 0) break;
    fit.push(line);
  }
  return fit;
}

function cut(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  let bytes = 0;
  let kept = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > most - 3) break;
    kept += character;
  }
  return `${kept}…`;
}
