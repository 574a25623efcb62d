/**
 * Shoots one webhook from many connections and prints what autocannon tells of it, as JSON. Each connection has a fingerprint
 * of its own: a copy of an alert that is being looked at is a duplicate, and that is not what is measured.
 * Its one argument is a {@link Shooting} as JSON.
 */
import autocannon from 'autocannon';

export interface Shooting {
  url: string;
  connections: number;
  headers: Record<string, string>;
  /** A body in which `<connection>` stands for the number of the connection. */
  body: string;
  /** For how long, s; or how many in all, at how many a second. */
  until: { duration: number } | { amount: number; overallRate: number };
}

const { url, connections, headers, body, until } = JSON.parse(process.argv[2] ?? '') as Shooting;
let connection = 0;
const result = await autocannon({
  url,
  connections,
  method: 'POST',
  headers,
  body,
  setupClient: (client) => client.setBody(body.replaceAll('<connection>', String((connection += 1)))),
  ...until,
});
process.stdout.write(JSON.stringify(result));
