import type { Constraint } from './constraint.js';

/**
 * Alerting hosts are no targets, whatever their readings say now.
 * @param sourceIds - those that are to be relieved.
 * @param othersIds - those that are not, as where the evidence is not enough yet.
 */
export function alertingHosts(sourceIds: readonly string[], othersIds: readonly string[]): Constraint {
  const sources = new Set(sourceIds);
  const others = new Set(othersIds);
  const isOnly = sources.size === 1 && [...others].every((id) => sources.has(id));
  return {
    host({ id }) {
      if (sources.has(id)) {
        return isOnly
          ? { reason: 'source', text: 'the source itself' }
          : { reason: 'alerting', text: 'alerting itself' };
      }
      return others.has(id) ? { reason: 'alerting', text: 'alerting itself, and left alone for now' } : undefined;
    },
  };
}
