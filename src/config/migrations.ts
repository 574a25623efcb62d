import { choice, duration, memory, wholeNumber } from './kinds.js';

/** The variables of migrations, of all rules together. */
export const migrationVariables = {
  MIGRATION_TIMEOUT: duration.prefault('30m').describe('How long one migration may take'),
  MIGRATION_CONCURRENCY: wholeNumber(1, 1000)
    .prefault('1')
    .describe('How many guests one host may give away or take in at once'),
  MIGRATION_START_GRACE: duration
    .prefault('30s')
    .describe('How long a cloud may take to begin a migration that it was asked for'),
  MIGRATIONS_PER_HOUR: wholeNumber(1, 1_000_000)
    .prefault('100')
    .describe('How many migrations all rules together may start within any hour'),
  MIGRATIONS_PER_DAY: wholeNumber(1, 1_000_000)
    .prefault('500')
    .describe('How many migrations all rules together may start within any day'),
  GUESTS_PER_DAY: wholeNumber(0, 100)
    .prefault('10')
    .describe(
      "How many % of the fleet's guests all rules together may move within any day, but 20 migrations in any case; 0 for any number",
    ),
  MODE: choice(['auto', 'recommend'])
    .prefault('auto')
    .describe(
      "How far all rules may go: auto, as far as each says; recommend, nothing moves without a person's approval",
    ),
  MEMORY_PER_HOUR: memory(1, 'expected an amount of memory such as "512GiB"')
    .prefault('1TiB')
    .describe('How much memory of guests all rules together may move within any hour'),
  VERIFY_TOLERANCE: wholeNumber(1, 100)
    .prefault('10')
    .describe("What a prediction may be off by: points of CPU %, or % of the host's memory"),
};
