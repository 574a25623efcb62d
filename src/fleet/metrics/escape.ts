/**
 * A regular expression (RE2, which all these stores use) that matches any of the names and nothing else. Of ASCII it holds
 * only letters, digits and `_-:.|\{}`: no quote, slash or line break, whatever the names hold.
 */
export function anyOf(names: readonly string[]): string {
  return names.map(literally).join('|');
}

function literally(name: string): string {
  return name.replaceAll(/[^\p{L}\p{N}_:-]/gu, (sign) =>
    sign === '.' ? String.raw`\.` : `\\x{${(sign.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** An expression for a host by any of the names ({@link anyOf}) as labels write it: full where the name is short, with a port. */
export function hostOf(names: string): string {
  return String.raw`\[?(?:${names})(?:\.[^:]+)?\]?(?::[0-9]+)?`;
}

/** A string of PromQL, quotes included. */
export function promqlString(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`;
}

/** An identifier of InfluxQL (a measurement, field or tag), quotes included. */
export function influxIdentifier(name: string): string {
  return promqlString(name);
}

/** A regular expression of InfluxQL, slashes included. */
export function influxRegex(expression: string): string {
  return `/${expression.replaceAll('/', String.raw`\/`)}/`;
}
