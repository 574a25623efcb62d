/**
 * Text as it may stand in a terminal or a message: what would steer it (C0 but the line end, C1) or turn the writing direction is
 * spelled out as in JSON, so that JSON keeps its meaning; a tab becomes a space.
 */
export function printable(text: string): string {
  return text.replaceAll(
    // eslint-disable-next-line no-control-regex -- control characters are what it is for
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => (character === '\t' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
