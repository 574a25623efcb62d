/** What a text is as JSON: its value, or where it stops being JSON (characters from 0). */
export type ReadJson = { ok: true; value: unknown } | { ok: false; position: number };

const VALUE = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null/y;
// Control characters must be escaped in JSON.
// eslint-disable-next-line no-control-regex -- they are what this excludes
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;

/** Parses JSON; unlike the engine's own messages, a failure always tells the position. */
export function readJson(text: string): ReadJson {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false, position: findFault(text) };
  }
}

/** Walks the tokens up to the first that JSON does not allow where it stands. */
function findFault(text: string): number {
  const open: ('{' | '[')[] = [];
  let position = 0;
  let expects: 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'end' = 'value';
  const take = (token: RegExp): boolean => {
    token.lastIndex = position;
    const match = token.exec(text);
    if (match) position = token.lastIndex;
    return match !== null;
  };
  const takeChar = (char: string): boolean => text[position] === char && ++position > 0;

  for (;;) {
    take(SPACE);
    if (expects === 'colon') {
      if (!takeChar(':')) return position;
      expects = 'value';
    } else if ((expects === 'end' || expects.startsWith('first')) && open.length > 0 && closes()) {
      expects = 'end';
    } else if (expects === 'end') {
      if (open.length === 0 || !takeChar(',')) return position;
      expects = open.at(-1) === '{' ? 'key' : 'value';
    } else if (expects.endsWith('key')) {
      if (!take(STRING)) return position;
      expects = 'colon';
    } else if (takeChar('{')) {
      open.push('{');
      expects = 'first key';
    } else if (takeChar('[')) {
      open.push('[');
      expects = 'first value';
    } else if (take(STRING) || take(VALUE)) {
      expects = 'end';
    } else {
      return position;
    }
  }

  function closes(): boolean {
    if (!takeChar(open.at(-1) === '{' ? '}' : ']')) return false;
    open.pop();
    return true;
  }
}
