import { readFileSync } from 'node:fs';
import type { Alert, ParsedAlerts } from '../../src/alerts/alert.js';

/** The bytes of a body as a sender put it on the wire. */
export function rawFixture(name: string): string {
  return readFileSync(new URL(`../fixtures/webhooks/${name}.json`, import.meta.url), 'utf8');
}

export function fixture(name: string): Record<string, unknown> {
  return JSON.parse(rawFixture(name)) as Record<string, unknown>;
}

/** The alerts of a body that must be understood. */
export function alertsOf(parsed: ParsedAlerts): Alert[] {
  if (!parsed.ok) throw new Error(`not understood: ${JSON.stringify(parsed.problems)}`);
  return parsed.alerts;
}

/** The faulty fields of a body that must not be understood. */
export function faultsOf(parsed: ParsedAlerts): string[] {
  if (parsed.ok) throw new Error(`understood: ${JSON.stringify(parsed.alerts)}`);
  return parsed.problems.map((problem) => `${problem.field}: ${problem.message}`);
}
