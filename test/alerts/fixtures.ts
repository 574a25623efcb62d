import { readFileSync } from 'node:fs';
import type { Alert } from '../../src/alerts/alert.js';
import type { ParsedAlerts } from '../../src/alerts/layout.js';
import { faultsOf as problemsIn } from '../../src/alerts/layout.js';

/** The bytes of a body as a sender put it on the wire. */
export function rawFixture(name: string): string {
  return readFileSync(new URL(`../fixtures/webhooks/${name}.json`, import.meta.url), 'utf8');
}

export function fixture(name: string): Record<string, unknown> {
  return JSON.parse(rawFixture(name)) as Record<string, unknown>;
}

/** The alerts of a body that must be understood. */
export function alertsOf(parsed: ParsedAlerts): Alert[] {
  if (!parsed.ok) throw new Error(`not understood: ${JSON.stringify(parsed)}`);
  return parsed.alerts;
}

/** The faulty fields of a body that must not be understood. */
export async function faultsOf(parsed: ParsedAlerts): Promise<string[]> {
  if (parsed.ok) throw new Error(`understood: ${JSON.stringify(parsed.alerts)}`);
  return (await problemsIn(parsed)).map((problem) => `${problem.field}: ${problem.message}`);
}
