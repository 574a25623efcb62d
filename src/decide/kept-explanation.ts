import type { Explanation } from '../balancer/index.js';

/** Hosts of one explanation that are kept. */
const MOST_HOSTS = 40;
/** Names in a list and characters in a text that are kept. */
const MOST_NAMES = 20;
const MOST_TEXT = 1000;

function cut(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT - 1)}…`;
}

/**
 * An explanation for the journal: the same structure, with long lists and texts cut, so that a plan of hundreds of hosts
 * does not fill the disk.
 */
export function keptExplanation(explanation: Explanation): Explanation {
  const { sources, chosen, nextBest, refusedHosts, refusedGuests, loads, missing } = explanation;
  const kept: Explanation = {
    sources: sources.slice(0, MOST_HOSTS).map((source) => ({ ...source, text: cut(source.text) })),
    chosen: cut(chosen),
    ...(nextBest && {
      nextBest: {
        ...nextBest,
        instead: nextBest.instead.slice(0, MOST_NAMES),
        without: nextBest.without.slice(0, MOST_NAMES),
        text: cut(nextBest.text),
      },
    }),
    refusedHosts,
    refusedGuests,
    loads: loads.slice(0, MOST_HOSTS),
    ...(missing && { missing: { ...missing, text: cut(missing.text) } }),
  };
  return kept;
}
