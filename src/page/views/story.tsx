import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { EventWithText } from '../model/api.js';
import { ask } from '../model/api.js';
import type { Model } from '../model/store.js';
import type { Place } from '../model/place.js';
import { go, viewAt, withQuery } from '../model/place.js';
import type { BatchStory, Story as AnyStory } from '../model/story.js';
import { storiesOf } from '../model/story.js';
import { Link } from '../parts/link.js';
import { Told } from '../parts/told.js';
import { useSpeech } from '../text/language.js';
import { StoryFilters, filterOf } from './story-filters.js';

const PAGE = 200;
/** Stories beside the hosts; all others are a click away. */
const MOST_BESIDE = 30;

/** The last that happened, as it stands beside the hosts. */
export function LatestStory({ model, place }: { model: Model; place: Place }) {
  const { t } = useSpeech();
  const stories = useMemo(() => storiesOf(model.events), [model.events]);
  return (
    <section class="panel story">
      <header>
        <h2>{t.story}</h2>
        <Link class="more" to={viewAt(place, 'story')}>
          {t.older}
        </Link>
      </header>
      <Stories stories={stories.slice(0, MOST_BESIDE)} place={place} />
      {stories.length === 0 && model.status && <p class="soft empty">{t.nothingHappened}</p>}
    </section>
  );
}

/** All that happened, by filters, without end. */
export function FullStory({ model, place }: { model: Model; place: Place }) {
  const { t } = useSpeech();
  const filter = filterOf(place);
  const { events, older, newer, isAll, isLoading, problem } = usePages(filter, model.events);
  const stories = useMemo(() => storiesOf(events), [events]);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!end.current || isAll) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) older();
      },
      { rootMargin: '600px' },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  });
  return (
    <section class="panel story full">
      <header>
        <h2>{t.story}</h2>
      </header>
      <StoryFilters model={model} place={place} />
      {problem !== '' && (
        <p class="problem" role="alert">
          {t.failed(problem)}
        </p>
      )}
      {newer && (
        <div class="buttons">
          <button type="button" onClick={newer}>
            {t.newer}
          </button>
          <button type="button" onClick={() => go(withQuery(place, { to: undefined }))}>
            {t.newest}
          </button>
        </div>
      )}
      <Stories stories={stories} place={place} />
      {stories.length === 0 && !isLoading && (
        <p class="soft empty">{filter === '' ? t.nothingHappened : t.nothingFits}</p>
      )}
      <div class="end" ref={end}>
        {isAll ? (
          stories.length > 0 && <p class="soft">{t.noOlder}</p>
        ) : (
          <button type="button" disabled={isLoading} onClick={older}>
            {isLoading ? t.loading : t.older}
          </button>
        )}
      </div>
    </section>
  );
}

/** Pages of the journal: older ones by their ids, and what comes live unless an end was asked for. */
function usePages(filter: string, live: readonly EventWithText[]) {
  const [events, setEvents] = useState<EventWithText[]>([]);
  const [isAll, setAll] = useState(false);
  const [isLoading, setLoading] = useState(true);
  const [problem, setProblem] = useState('');
  const isBounded = filter.includes('until=');
  const asked = useRef(0);

  const append = (page: EventWithText[]) => setEvents((before) => [...before, ...page]);
  const unbounded = filter.replace(/&?until=[^&]*/, '');
  const load = async (more: string, join: (page: EventWithText[]) => void, wanted = filter) => {
    const turn = (asked.current += 1);
    setLoading(true);
    try {
      const { events: page } = await ask<{ events: EventWithText[] }>(`/api/events?limit=${PAGE}&${wanted}${more}`);
      if (turn !== asked.current) return;
      setProblem('');
      join(page);
    } catch (error) {
      if (turn === asked.current) setProblem((error as Error).message);
    }
    if (turn === asked.current) setLoading(false);
  };

  useEffect(() => {
    setEvents([]);
    setAll(false);
    void load('', (page) => {
      setEvents(page);
      setAll(page.length < PAGE);
    });
  }, [filter]);

  // What has come since is asked for with the same filter, so that it holds for that too.
  const newest = live.at(-1)?.id ?? 0;
  const last = events.at(-1)?.id ?? 0;
  // Once for each that comes: what does not fit the filter must not be asked for over and over.
  const told = useRef(0);
  useEffect(() => {
    if (isBounded || isLoading || newest <= last || told.current === newest) return;
    told.current = newest;
    void load(last === 0 ? '' : `&after=${last}`, append);
  }, [newest, isLoading]);

  const [first] = events;
  return {
    events,
    isAll,
    isLoading,
    problem,
    older: () => {
      if (isLoading || isAll || !first) return;
      // The moment lets whole days be passed over.
      const until = isBounded ? '' : `&until=${encodeURIComponent(first.ops_time)}`;
      void load(`&before=${first.id}${until}`, (page) => {
        setEvents((before) => [...page, ...before]);
        setAll(page.length < PAGE);
      });
    },
    newer: isBounded ? () => void load(`&after=${last}`, append, unbounded) : undefined,
  };
}

function Stories({ stories, place }: { stories: readonly AnyStory[]; place: Place }) {
  return (
    <ol class="stories">
      {stories.map((story) => (
        <li key={story.key} class={story.kind}>
          {story.kind === 'batch' ? (
            <BatchLine batch={story} place={place} />
          ) : story.kind === 'quiet' ? (
            <QuietLine story={story} />
          ) : (
            <SingleLine event={story.event} />
          )}
        </li>
      ))}
    </ol>
  );
}

function Line({ at, tone, children }: { at: string; tone?: string; children: ComponentChildren }) {
  const { when } = useSpeech();
  return (
    <div class={`line ${tone ?? ''}`}>
      <time class="number" dateTime={at} title={new Date(at).toLocaleString()}>
        {when(at)}
      </time>
      <span>{children}</span>
    </div>
  );
}

/** `prod-cpu, 3 hosts: 4 moved, 1 failed, compute-13 still at 66 %`. */
export function useHeadline(): (batch: BatchStory) => { words: string; tone: string } {
  const { t, reading } = useSpeech();
  return (batch) => {
    const count = (state: string) => batch.moves.filter((move) => move.state === state).length;
    const [moved, failed, moving] = [count('moved'), count('failed'), count('moving')];
    const last = batch.events.findLast(({ action }) => ENDINGS.includes(action));
    const words = [
      t.headline(batch.hosts.length, moved, failed, moving),
      moved + failed + moving === 0 && last ? t.actions[last.action] : '',
      ...batch.stillOver.slice(0, 3).map(({ name, value, metric }) => t.stillAt(name, reading(metric, value))),
    ].filter(Boolean);
    const isShort = failed > 0 || batch.stillOver.length > 0 || (last && TROUBLE.includes(last.action));
    return {
      words: words.join(t.language === 'English' ? ', ' : '，'),
      tone: isShort ? 'warm' : moved > 0 ? 'good' : '',
    };
  };
}

const ENDINGS: readonly string[] = [
  'find_result_fail',
  'partial',
  'not_needed',
  'metrics_fail',
  'decision_fail',
  'recommended',
  'limited',
  'stopped',
  'migrate_error',
];
const TROUBLE: readonly string[] = ['find_result_fail', 'metrics_fail', 'decision_fail', 'migrate_error'];

function BatchLine({ batch, place }: { batch: BatchStory; place: Place }) {
  const headline = useHeadline();
  const { words, tone } = headline(batch);
  return (
    <Line at={batch.at} tone={tone}>
      <Link to={withQuery(place, { batch: batch.id })}>{batch.rules.join(', ')}</Link> {words}
    </Line>
  );
}

function QuietLine({ story }: { story: Extract<AnyStory, { kind: 'quiet' }> }) {
  const { t, when } = useSpeech();
  const { ignored, dropped, flapping } = story.counts;
  return (
    <details>
      <summary>
        <Line at={story.at}>
          <span class="soft">
            {t.folded(ignored, dropped, flapping)}
            {story.until.slice(0, 16) !== story.at.slice(0, 16) && ` – ${when(story.until)}`}
          </span>
        </Line>
      </summary>
      <ul class="plain">
        {story.events.slice(-50).map((event) => (
          <li key={event.id}>
            <time class="number">{when(event.ops_time)}</time> {event.obj_name} <Told event={event} />
          </li>
        ))}
      </ul>
    </details>
  );
}

function SingleLine({ event }: { event: EventWithText }) {
  const { t } = useSpeech();
  return (
    <Line at={event.ops_time}>
      <span class="word">{t.actions[event.action]}</span> <Told event={event} />
    </Line>
  );
}

/** Every event by itself, as it was recorded. */
export function EventList({ events }: { events: readonly EventWithText[] }) {
  const { t, when } = useSpeech();
  return (
    <ol class="events">
      {events.map((event) => (
        <li key={event.id}>
          <time class="number">{when(event.ops_time)}</time>
          <span class="word">{t.actions[event.action]}</span>
          <Told event={event} />
        </li>
      ))}
    </ol>
  );
}
