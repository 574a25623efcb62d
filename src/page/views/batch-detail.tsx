import { useEffect, useState } from 'preact/hooks';
import type { EventWithText } from '../model/api.js';
import { ask } from '../model/api.js';
import type { Model } from '../model/store.js';
import type { Place } from '../model/place.js';
import { withQuery } from '../model/place.js';
import type { BatchStory } from '../model/story.js';
import { storiesOf } from '../model/story.js';
import { bytesOf } from '../model/hosts.js';
import { Explained, Part } from '../parts/explained.js';
import { Link } from '../parts/link.js';
import { useSpeech } from '../text/language.js';
import { EventList, useHeadline } from './story.js';

const MOST = 2000;

/** A batch, opened to why. */
export function BatchDetail({ id, model, place }: { id: string; model: Model; place: Place }) {
  const { t, when } = useSpeech();
  const headline = useHeadline();
  const [events, setEvents] = useState<EventWithText[] | undefined>();
  const [problem, setProblem] = useState('');
  // Asked again when something of it has come.
  const newest = model.events.findLast(({ batch }) => batch === id)?.id;
  useEffect(() => {
    ask<{ events: EventWithText[] }>(`/api/events?batch=${encodeURIComponent(id)}&limit=${MOST}`).then(
      (answer) => setEvents(answer.events),
      (error: unknown) => setProblem((error as Error).message),
    );
  }, [id, newest]);

  if (problem !== '') return <p class="problem">{t.failed(problem)}</p>;
  if (!events) return <p class="soft">{t.loading}</p>;
  const story = storiesOf(events).find((each): each is BatchStory => each.kind === 'batch');
  if (!story) return events.length > 0 ? <EventList events={events} /> : <p class="soft">{t.batchGone}</p>;
  const { words, tone } = headline(story);
  return (
    <>
      <p class={`headline ${tone}`}>
        <time class="number">{when(story.at)}</time> <strong>{story.rules.join(', ')}</strong> {words}
      </p>
      {story.moves.length > 0 && <Moves story={story} place={place} />}
      {story.explanations.map(({ rule, explanation }, index) => {
        const file = model.rules.find(({ name }) => name === rule);
        const isCpu = file ? file.metric === 'cpu.usage_active' : explanation.loads.every(({ full }) => full === 100);
        const host = model.fleet?.hosts.find(({ name }) => name === explanation.sources[0]?.name);
        const threshold = file && (isCpu ? Number(file.threshold) : bytesOf(file.threshold, host ?? { mem_size: 0 }));
        return (
          <div key={index} class="explained">
            {story.explanations.length > 1 && <h3 class="rule">{rule}</h3>}
            <Explained
              explanation={explanation}
              metric={isCpu ? 'cpu.usage_active' : 'mem.available'}
              threshold={Number.isFinite(threshold) ? threshold : undefined}
            />
          </div>
        );
      })}
      {story.verified.map((verified, index) => (
        <Predicted key={index} verified={verified} />
      ))}
      <Part title={t.everything}>
        <EventList events={story.events} />
      </Part>
    </>
  );
}

function Moves({ story, place }: { story: BatchStory; place: Place }) {
  const { t, duration, gib } = useSpeech();
  return (
    <Part title={t.guests}>
      <table class="table">
        <tbody>
          {story.moves.map(({ notes, state, begun, ended }, index) => (
            <tr key={index} class={state}>
              <th scope="row">{notes.guest.name}</th>
              <td>
                <Link to={withQuery(place, { host: notes.guest.host_id, batch: undefined })}>{notes.guest.host}</Link> →{' '}
                <Link to={withQuery(place, { host: notes.target_host.id, batch: undefined })}>
                  {notes.target_host.name}
                </Link>
              </td>
              <td class="number soft">{gib(notes.guest.vmem_size * 1024 ** 2)}</td>
              <td class={state === 'failed' ? 'problem' : state === 'moved' ? 'good' : ''}>
                {t.actions[state === 'moved' ? 'migrate_success' : state === 'failed' ? 'migrate_error' : 'migrating']}
                {begun !== undefined && ended !== undefined && (
                  <span class="soft number"> {duration((Date.parse(ended) - Date.parse(begun)) / 1000)}</span>
                )}
                {notes.reason !== undefined && <span lang="en"> {notes.reason}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}

function Predicted({ verified: { metric, hosts } }: { verified: BatchStory['verified'][number] }) {
  const { t, reading } = useSpeech();
  return (
    <Part title={t.predicted}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t.host}</th>
            <th scope="col">{t.before}</th>
            <th scope="col">{t.predictedWas}</th>
            <th scope="col">{t.actualWas}</th>
          </tr>
        </thead>
        <tbody>
          {hosts.map(({ id, name, before, predicted, actual }) => (
            <tr key={id}>
              <th scope="row">{name}</th>
              <td class="number">{reading(metric, before)}</td>
              <td class="number">{reading(metric, predicted)}</td>
              <td class="number">{actual === undefined ? t.noReading : reading(metric, actual)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}
