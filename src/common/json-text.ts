import { type ParseError, printParseErrorCode, visit } from 'jsonc-parser';
import { errorMessage } from './error-message.js';

/** JSON text that was read, or what is wrong with it and where. */
export type ParsedJson = { ok: true; value: unknown } | { ok: false; problems: string[] };

const STRICT = { disallowComments: true, allowTrailingComma: false };

/** `CommaExpected` → `comma expected`. */
function words(error: ParseError): string {
  return printParseErrorCode(error.error)
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
}

function place(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** Where a text stops being JSON, characters from 0; its length where it ends too early. Only of a text that JSON.parse refuses. */
export function faultOffset(text: string): number {
  let first: number | undefined;
  visit(text, { onError: (_error, offset) => (first ??= offset) }, STRICT);
  return first ?? text.length;
}

/** What JSON.parse would silently let win: a key that stands twice in one object. */
function problemsOf(text: string): { faults: string[]; twice: string[] } {
  const faults: string[] = [];
  const twice: string[] = [];
  const open: Set<string>[] = [];
  visit(
    text,
    {
      onError: (error, offset, length) =>
        faults.push(`${place(text, offset)}: not JSON: ${words({ error, offset, length })}`),
      onObjectBegin: () => {
        open.push(new Set());
      },
      onObjectEnd: () => {
        open.pop();
      },
      onObjectProperty: (key, offset) => {
        if (open.at(-1)?.has(key)) twice.push(`${place(text, offset)}: ${key}: stands twice in one object`);
        open.at(-1)?.add(key);
      },
    },
    STRICT,
  );
  return { faults, twice };
}

/**
 * Reads JSON that people wrote.
 * @param text - the text of a file; a byte order mark is let through.
 * @returns the value, or problems that begin with line and column: the first fault, or every key given twice.
 */
export function parseJson(text: string): ParsedJson {
  const bare = text.replace(/^\uFEFF/, '');
  if (bare.trim() === '') return { ok: false, problems: ['the file is empty; expected a JSON object'] };
  let value: unknown;
  try {
    value = JSON.parse(bare);
  } catch (error) {
    // One fault makes others follow: the first is the one to mend.
    const [first] = problemsOf(bare).faults;
    return { ok: false, problems: [first ?? `not JSON: ${errorMessage(error)}`] };
  }
  const { twice } = problemsOf(bare);
  return twice.length > 0 ? { ok: false, problems: twice } : { ok: true, value };
}
