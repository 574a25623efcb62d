import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

const MORE = '…';
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Where a line may end: words, with the blank before each; a wide character is a word of its own, as it is where it is written. */
function* pieces(text: string): Generator<string> {
  let piece = '';
  for (const { segment } of graphemes.segment(text)) {
    const isWide = stringWidth(segment) > 1;
    const begins = segment === ' ' && piece.trim() !== '';
    if (begins || isWide) {
      if (piece !== '') yield piece;
      piece = '';
    }
    piece += segment;
    if (isWide) {
      yield piece;
      piece = '';
    }
  }
  if (piece !== '') yield piece;
}

/**
 * Cuts a line to a width, between words and never through a wide character; `…` says that there is more.
 * @param width - columns; undefined: any.
 */
export function cut(text: string, width: number | undefined): string {
  const line = text.replaceAll(/\s+/g, ' ');
  if (width === undefined || stringWidth(line) <= width) return line;
  let kept = '';
  for (const piece of pieces(line)) {
    if (stringWidth(`${kept}${piece}`) + 2 > width) break;
    kept += piece;
  }
  const end = kept === '' ? MORE : `${kept.trimEnd()} ${MORE}`;
  return stringWidth(end) <= width ? end : '';
}

/**
 * Text as a paragraph no wider than the terminal; only what is longer than a line, and has no blank, is broken inside.
 * @param indent - columns that every line but the first begins with; the first has `first`.
 */
export function paragraph(text: string, width: number | undefined, first = '', indent = first.length): string {
  if (width === undefined) return `${first}${text}`;
  const room = Math.max(10, width - Math.max(indent, stringWidth(first)));
  return wrapAnsi(text, room, { hard: true })
    .split('\n')
    .map((line, index) => `${index === 0 ? first : ' '.repeat(indent)}${line}`)
    .join('\n');
}

/** Fills up with blanks to a width. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}
