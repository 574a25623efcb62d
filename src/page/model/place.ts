import { useEffect, useState } from 'preact/hooks';

/** The views of the page. */
export const VIEWS = ['overview', 'hosts', 'story', 'rules', 'manual', 'api'] as const;
export type View = (typeof VIEWS)[number];

/** Where somebody is: all of it stands in the address, so that a link shows a colleague the same. */
export interface Place {
  view: View;
  /** The chapter of the manual. */
  chapter?: string;
  /** Everything else, as the address has it. */
  query: Readonly<Record<string, string>>;
}

/** Reads an address. */
export function placeOf({ pathname, search }: Pick<URL, 'pathname' | 'search'>): Place {
  const query = Object.fromEntries(new URLSearchParams(search));
  const { view, ...rest } = query;
  const [, first, chapter] = pathname.split('/');
  if (first === 'manual') {
    return { view: 'manual', ...(chapter && { chapter: decodeURIComponent(chapter) }), query: rest };
  }
  if (first === 'openapi') return { view: 'api', query: rest };
  const known = VIEWS.find((each) => each === view);
  return { view: known ?? 'overview', query: rest };
}

/** Writes it. */
export function addressOf({ view, chapter, query }: Place): string {
  const shown = view === 'overview' || view === 'manual' || view === 'api' ? query : { view, ...query };
  const search = new URLSearchParams(shown).toString();
  const path =
    view === 'manual'
      ? `/manual${chapter ? `/${encodeURIComponent(chapter)}` : ''}`
      : view === 'api'
        ? '/openapi'
        : '/';
  return search === '' ? path : `${path}?${search}`;
}

/** The same place with some of its query changed; `undefined` takes a key out. */
export function withQuery(place: Place, change: Readonly<Record<string, string | undefined>>): Place {
  const query = Object.fromEntries(
    Object.entries({ ...place.query, ...change }).filter((entry): entry is [string, string] => !!entry[1]),
  );
  return { ...place, query };
}

/** Another view. The language stays; filters and what is open do not. */
export function viewAt(place: Place, view: View, chapter?: string): Place {
  const { lang } = place.query;
  return { view, ...(chapter !== undefined && { chapter }), query: lang === undefined ? {} : { lang } };
}

const listeners = new Set<() => void>();

/** Goes to a place; `replace`: without a step for the Back button, as for every letter of a search. */
export function go(place: Place, replace = false): void {
  const address = addressOf(place);
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  for (const listener of listeners) listener();
}

/** Where one is. */
export function usePlace(): Place {
  const [place, set] = useState(() => placeOf(location));
  useEffect(() => {
    const update = () => set(placeOf(location));
    listeners.add(update);
    addEventListener('popstate', update);
    return () => {
      listeners.delete(update);
      removeEventListener('popstate', update);
    };
  }, []);
  return place;
}
