import { useEffect } from 'preact/hooks';
import type { Model } from '../model/store.js';
import type { Band, RatedHost } from '../model/hosts.js';
import { countBands } from '../model/hosts.js';
import { useSpeech } from '../text/language.js';
import { HandButtons } from './hand.js';

const BANDS: readonly Band[] = ['over', 'near', 'fine', 'unknown'];

/** In one word how things stand; it is the colour of the light, the icon and the title. */
export type Mood = 'gone' | 'trouble' | 'paused' | 'over' | 'moving' | 'calm' | 'unknown';

/** What matters most at the moment. */
export function moodOf({ connection, status }: Model, counts: Record<Band, number>): Mood {
  if (connection.state === 'gone') return 'gone';
  if (!status) return 'unknown';
  if (problemsOf(status).length > 0) return 'trouble';
  if (status.paused) return 'paused';
  if (status.batch) return 'moving';
  return counts.over > 0 ? 'over' : 'calm';
}

/** What keeps it from working, in its own words. */
function problemsOf(status: NonNullable<Model['status']>): readonly string[] {
  return status.ready ? [] : status.problems;
}

/** How it stands, in one line. */
export function TopLine({ model, hosts }: { model: Model; hosts: readonly RatedHost[] }) {
  const { t, when } = useSpeech();
  const { connection, status } = model;
  const counts = countBands(hosts);
  const mood = moodOf(model, counts);
  useSign(model, counts, mood);

  return (
    <section class="top-line" aria-label={t.views.overview}>
      <p class={`mood ${mood}`} role="status">
        <span class="light" aria-hidden="true" />
        <strong>
          {connection.state === 'gone'
            ? t.gone(when(connection.since))
            : !status
              ? t.connecting
              : problemsOf(status).length > 0
                ? t.notReady
                : status.paused
                  ? t.pausedBy(status.paused.by)
                  : t.ready}
        </strong>
        {connection.state !== 'gone' && status && (
          <span class="soft">
            {problemsOf(status).join('; ') ||
              (status.paused
                ? `${status.paused.reason} · ${status.paused.until === undefined ? t.since(when(status.paused.since)) : t.until(when(status.paused.until))}`
                : status.mode === 'recommend'
                  ? t.recommendOnly
                  : '')}
          </span>
        )}
      </p>
      {status && (
        <dl class="facts">
          {(
            [
              [t.cloud, status.cloud],
              [t.store, status.metrics],
            ] as const
          ).map(([name, { up, since, text }]) => (
            <div key={name} class={up ? 'up' : 'down'} title={text ?? ''}>
              <dt>{name}</dt>
              <dd>
                <span class="light" aria-hidden="true" />
                {up ? t.up : t.down} <span class="soft">{t.since(when(since))}</span>
                {text !== undefined && <span class="problem">{text}</span>}
              </dd>
            </div>
          ))}
          <Moves budget={status.budget} />
        </dl>
      )}
      <ul class="bands" aria-label={t.hostsLabel}>
        {BANDS.map((band) => (
          <li key={band} class={`${band} ${counts[band] === 0 ? 'zero' : ''}`} title={t.bandsHelp[band]}>
            <strong class="number">{counts[band]}</strong> {t.bands[band]}
          </li>
        ))}
      </ul>
      <HandButtons model={model} />
    </section>
  );
}

/** Moves of late, and what is left of the budgets. */
function Moves({ budget: { hour, day } }: Pick<NonNullable<Model['status']>, 'budget'>) {
  const { t } = useSpeech();
  return (
    <div>
      <dt>{t.movesToday}</dt>
      <dd class="number">
        {day.limit === null ? day.used : t.ofBudget(day.used, day.limit)}
        {hour.limit !== null && (
          <span class="soft">
            {' '}
            · {t.ofBudget(hour.used, hour.limit)} {t.movesHour}
          </span>
        )}
      </dd>
    </div>
  );
}

const ICON: Readonly<Record<Mood, [colour: string, shape: string]>> = {
  calm: ['#2f8062', '<circle cx="16" cy="16" r="9"/>'],
  over: ['#c2501f', '<path d="M16 5 29 27H3z"/>'],
  moving: ['#2b72b8', '<path d="M4 12h14V6l10 10-10 10v-6H4z"/>'],
  paused: ['#8a6a00', '<path d="M7 6h6v20H7zM19 6h6v20h-6z"/>'],
  trouble: ['#b3261e', '<path d="M13 4h6v15h-6zM13 22h6v6h-6z"/>'],
  gone: ['#77807b', '<path d="m7 4 9 9 9-9 3 3-9 9 9 9-3 3-9-9-9 9-3-3 9-9-9-9z"/>'],
  unknown: ['#77807b', '<circle cx="16" cy="16" r="5"/>'],
};

/** The tab says it too. */
function useSign({ status }: Model, counts: Record<Band, number>, mood: Mood): void {
  const { t } = useSpeech();
  const words = [
    mood === 'gone' ? t.goneTitle : '',
    mood === 'trouble' ? t.notReady : '',
    mood === 'paused' ? t.titlePaused : '',
    status?.batch ? t.titleMoving(status.batch.migrations.length) : '',
    counts.over > 0 ? t.titleOver(counts.over) : '',
    (status?.plans_waiting ?? 0) > 0 ? t.titleWaiting(status?.plans_waiting ?? 0) : '',
  ];
  const said = (mood === 'gone' ? words.slice(0, 1) : words).filter(Boolean).join(' · ');
  useEffect(() => {
    document.title = said === '' ? 'automigrate' : `${said} – automigrate`;
    const [colour, shape] = ICON[mood];
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="${colour}">${shape}</svg>`;
    document.querySelector('link[rel=icon]')?.setAttribute('href', `data:image/svg+xml,${encodeURIComponent(svg)}`);
  }, [said, mood]);
}
