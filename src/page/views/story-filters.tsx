import type { EventAction } from '../../journal/events.js';
import type { Model } from '../model/store.js';
import type { Place } from '../model/place.js';
import { go, withQuery } from '../model/place.js';
import { en } from '../text/en.js';
import { useSpeech } from '../text/language.js';

/** Every action: the dictionary has to name them all. */
const EVENT_ACTIONS = Object.keys(en.actions) as EventAction[];

/** Keys of the address that filter the story. */
const KEYS = ['rule', 'action', 'onHost', 'guest', 'from', 'to'] as const;

/** The filter as a query of the API. */
export function filterOf({ query }: Place): string {
  const { rule, action, onHost, guest, from, to } = query;
  const moment = (text: string | undefined) => {
    const at = text === undefined ? Number.NaN : new Date(text).getTime();
    return Number.isNaN(at) ? undefined : new Date(at).toISOString();
  };
  const wanted = { rule, action, host: onHost, guest, since: moment(from), until: moment(to) };
  const given = Object.entries(wanted).filter((entry): entry is [string, string] => !!entry[1]);
  return new URLSearchParams(given).toString();
}

/** By rule, action, host, guest and time. */
export function StoryFilters({ model, place }: { model: Model; place: Place }) {
  const { t } = useSpeech();
  const { query } = place;
  const set = (key: (typeof KEYS)[number]) => ({
    value: query[key] ?? '',
    onChange: ({ currentTarget: { value } }: { currentTarget: { value: string } }) =>
      go(withQuery(place, { [key]: value.trim() }), true),
  });
  const isFiltered = KEYS.some((key) => query[key] !== undefined);
  return (
    <form class="filters" aria-label={t.filters} onSubmit={(event) => event.preventDefault()}>
      <label>
        {t.rule}
        <select {...set('rule')} aria-label={t.rule}>
          <option value="">{t.every}</option>
          {model.rules.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.action}
        <select {...set('action')} aria-label={t.action}>
          <option value="">{t.every}</option>
          {EVENT_ACTIONS.map((action) => (
            <option key={action} value={action}>
              {t.actions[action]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.host}
        <input {...set('onHost')} aria-label={t.host} list="known-hosts" size={14} />
        <datalist id="known-hosts">
          {model.fleet?.hosts.slice(0, 500).map(({ id, name }) => (
            <option key={id} value={name} />
          ))}
        </datalist>
      </label>
      <label>
        {t.guest}
        <input {...set('guest')} aria-label={t.guest} size={14} />
      </label>
      <label>
        {t.from}
        <input type="datetime-local" {...set('from')} aria-label={t.from} />
      </label>
      <label>
        {t.to}
        <input type="datetime-local" {...set('to')} aria-label={t.to} />
      </label>
      {isFiltered && (
        <button
          type="button"
          class="quiet"
          onClick={() => go(withQuery(place, Object.fromEntries(KEYS.map((key) => [key, undefined]))))}
        >
          {t.clear}
        </button>
      )}
    </form>
  );
}
