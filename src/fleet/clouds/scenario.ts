import { z } from 'zod';
import type { Snapshot } from '../fleet.js';
import { fieldPath, parseSnapshot } from '../snapshot-file.js';

const simulationSchema = z.strictObject({
  bandwidth: z.number().positive().default(1024).describe('MiB/s at which a guest is copied'),
  time_scale: z.number().positive().default(1).describe('how many simulated seconds pass in a real one'),
  averaged: z
    .boolean()
    .default(false)
    .describe(
      "whether readings are means over the rule's period, as a metric store gives them, or those of the moment",
    ),
  fail: z.array(z.string()).default([]).describe('guests (id or name) whose migration fails half way'),
});

/** How the simulated cloud behaves. */
export type Simulation = z.output<typeof simulationSchema>;

/** A scenario: a snapshot file plus how migrations go in it. */
export interface Scenario {
  snapshot: Snapshot;
  simulation: Simulation;
}

/** What a scenario file turned out to be; each problem names its field. */
export type ParsedScenario = { ok: true; scenario: Scenario } | { ok: false; problems: string[] };

/**
 * Checks a parsed scenario file.
 * @param value - the JSON value of the file: a snapshot with an optional `simulation` object.
 */
export function parseScenario(value: unknown): ParsedScenario {
  const snapshot = parseSnapshot(value);
  const given = typeof value === 'object' && value !== null && 'simulation' in value ? value.simulation : undefined;
  const simulation = simulationSchema.safeParse(given ?? {});
  if (snapshot.ok && simulation.success) {
    return { ok: true, scenario: { snapshot: snapshot.snapshot, simulation: simulation.data } };
  }
  return {
    ok: false,
    problems: [
      ...(snapshot.ok ? [] : snapshot.problems),
      ...(simulation.error?.issues ?? []).map(
        (issue) => `${fieldPath(['simulation', ...issue.path])}: ${issue.message}`,
      ),
    ],
  };
}
