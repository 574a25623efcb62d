import type { Log } from '../common/log.js';
import type { BatchRecord } from '../journal/journal.js';
import type { BatchProgress } from '../migration/carry-out-options.js';

/** What of a state is shown: the cloud's own word, and how far the move is, %. */
export function shownState({ state }: Extract<BatchProgress, { kind: 'state' }>): {
  status?: string;
  progress?: number;
} {
  if (state.phase === 'vanished') return {};
  const progress = state.phase === 'moving' ? state.progress : undefined;
  return { status: state.status, ...(progress !== undefined && { progress }) };
}

/** Logs what happens to a move of a batch. */
export function logProgress(log: Log, record: BatchRecord, progress: BatchProgress): void {
  const { migration } = progress;
  const { guest, target_host: target } = migration.notes;
  const fields = { batch: record.id, rule: migration.rule, guest: guest.name, target: target.name };
  switch (progress.kind) {
    case 'asked':
      log.info(fields, 'migrating');
      break;
    case 'state':
      break;
    case 'trouble':
      log.warn({ ...fields, err: progress.error }, 'trouble with a migration, it is still followed');
      break;
    case 'ended':
      log[migration.phase === 'succeeded' ? 'info' : 'warn']({ ...fields, phase: migration.phase }, progress.text);
      break;
  }
}
