import { useEffect, useState } from 'preact/hooks';
import type { Explanation } from '../../balancer/index.js';
import type { MetricName } from '../../fleet/fleet.js';
import type { EventWithText, HostSummary, HostView } from '../model/api.js';
import { ApiError, ask } from '../model/api.js';
import { riskOf } from '../model/course.js';
import type { Threshold } from '../model/hosts.js';
import { thresholdsOf } from '../model/hosts.js';
import type { Model } from '../model/store.js';
import type { Place } from '../model/place.js';
import { withQuery } from '../model/place.js';
import type { Mark } from '../parts/chart.js';
import { Chart } from '../parts/chart.js';
import { Part } from '../parts/explained.js';
import { Link } from '../parts/link.js';
import { Told } from '../parts/told.js';
import { useSpeech } from '../text/language.js';
import { EventList } from './story.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const AGAIN_MS = 30_000;
const MOST_EVENTS = 12;
const DECIDED = [
  'migrate_success',
  'partial',
  'find_result_fail',
  'not_needed',
  'recommended',
  'limited',
  'migrate_fail',
  'migrate_error',
  'verified',
];

interface HostDetailProps {
  id: string;
  model: Model;
  place: Place;
  theme: string;
}

/** A host, opened. */
export function HostDetail({ id, model, place, theme }: HostDetailProps) {
  const { t } = useSpeech();
  const [view, setView] = useState<HostView | undefined>();
  const [events, setEvents] = useState<EventWithText[]>([]);
  const [problem, setProblem] = useState('');
  const newest = model.events.at(-1)?.id;
  useEffect(() => {
    const look = () =>
      ask<HostView>(`/api/hosts/${encodeURIComponent(id)}`).then(
        (answer) => {
          setProblem('');
          setView(answer);
        },
        (error: unknown) =>
          setProblem(error instanceof ApiError && error.status === 404 ? t.hostGone : (error as Error).message),
      );
    void look();
    const timer = setInterval(() => void look(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [id]);
  const name = view?.host.name;
  useEffect(() => {
    if (name === undefined) return;
    ask<{ events: EventWithText[] }>(`/api/events?host=${encodeURIComponent(name)}&limit=100`).then(
      (answer) => setEvents(answer.events),
      () => undefined,
    );
  }, [name, newest]);

  if (problem !== '') return <p class="problem">{problem}</p>;
  if (!view || (view.host.id !== id && view.host.name !== id)) return <p class="soft">{t.loading}</p>;
  const thresholds = thresholdsOf(view.host as HostSummary, model.rules);
  return (
    <>
      <Facts view={view} />
      <Part title={t.sixHours}>
        {view.without_course !== undefined && <p class="problem">{view.without_course}</p>}
        <Courses view={view} thresholds={thresholds} events={events} theme={theme} />
      </Part>
      <Risk view={view} thresholds={thresholds} />
      <Guests view={view} />
      <Relieved name={view.host.name} events={events} place={place} />
      <Part title={t.lastEvents}>
        {events.length === 0 ? (
          <p class="soft">{t.noEvents}</p>
        ) : (
          <EventList events={events.slice(-MOST_EVENTS).reverse()} />
        )}
      </Part>
    </>
  );
}

function Facts({ view: { host, guests } }: { view: HostView }) {
  const { t, percent, gib } = useSpeech();
  const { 'cpu.usage_active': cpu, 'mem.available': free } = host.metrics;
  const state = host.maintenance ? t.maintenance : host.enabled ? host.status : t.disabled;
  return (
    <p class="facts-line">
      <span class="chip">{state}</span> {t.cores(host.cpu_count)} · {cpu === undefined ? t.noReading : percent(cpu)} ·{' '}
      {gib(host.mem_size * MIB)}
      {free !== undefined && `, ${gib(free)} ${t.memoryFree}`} · {t.guests}: {guests.length} · {host.host_type} ·{' '}
      {host.cpu_architecture}
      {Object.entries(host.tags ?? {}).map(([key, value]) => (
        <span key={key} class="chip soft">
          {key}: {value}
        </span>
      ))}
    </p>
  );
}

interface CoursesProps {
  view: HostView;
  thresholds: readonly Threshold[];
  events: readonly EventWithText[];
  theme: string;
}

function Courses({ view: { host, course }, thresholds, events, theme }: CoursesProps) {
  const { t, reading, percent } = useSpeech();
  const { 'cpu.usage_active': cpu, 'mem.available': memory } = course;
  const size = (host.mem_size * MIB) / GIB;
  const lines = (metric: MetricName, unit: number) =>
    thresholds
      .filter((each) => each.metric === metric)
      .map(({ rule, value }) => ({ value: value / unit, text: `${rule} ${reading(metric, value)}` }));
  const first = Math.min(cpu?.[0]?.[0] ?? Infinity, memory?.[0]?.[0] ?? Infinity);
  const marks = events.flatMap((event): Mark[] => {
    const at = Date.parse(event.ops_time);
    if (event.action !== 'migrate_success' || at < first) return [];
    const { guest } = event.notes;
    return [{ at, text: guest.host_id === host.id ? t.movedAway(guest.name) : t.movedHere(guest.name) }];
  });
  if (!cpu && !memory) return <p class="soft">{t.courseMissing}</p>;
  return (
    <>
      {cpu && (
        <Chart
          title={t.cpu}
          course={cpu}
          full={100}
          thresholds={lines('cpu.usage_active', 1)}
          marks={marks}
          write={(value) => percent(value, 0)}
          theme={theme}
        />
      )}
      {memory && (
        <Chart
          title={`${t.memory}, ${t.memoryFree}`}
          course={memory.map(([at, value]) => [at, value / GIB] as const)}
          full={size}
          thresholds={lines('mem.available', GIB)}
          marks={cpu ? [] : marks}
          write={(value) => `${Math.round(value)} GiB`}
          theme={theme}
        />
      )}
    </>
  );
}

function Risk({ view: { host, guests, course }, thresholds }: { view: HostView; thresholds: readonly Threshold[] }) {
  const { t, reading, percent, when, duration } = useSpeech();
  const sentences = thresholds.flatMap(({ rule, metric, value }) => {
    const risk = riskOf(course[metric] ?? [], value, metric === 'cpu.usage_active');
    if (!risk) return [];
    const [worst, time] = [reading(metric, risk.worst.value), when(risk.worst.at)];
    return [
      risk.past > 0 ? t.riskPast(rule, percent(risk.past * 100, 0), worst, time) : t.riskNever(rule, worst, time),
      ...(risk.meetsInMin === undefined ? [] : [t.riskRising(rule, duration(risk.meetsInMin * 60))]),
    ];
  });
  const [heaviest] = byWeight(host, guests);
  if (heaviest && heaviest.cpu > 0) sentences.push(t.riskGuest(heaviest.guest.name, percent(heaviest.cpu)));
  if (sentences.length === 0) return null;
  return (
    <Part title={t.risk}>
      <ul>
        {sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </Part>
  );
}

/** What each guest takes of the host's CPUs, %, the heaviest first. */
function byWeight(host: HostView['host'], guests: HostView['guests']) {
  return guests
    .map((guest) => ({
      guest,
      cpu: host.cpu_count > 0 ? ((guest.metrics['cpu.usage_active'] ?? 0) * guest.vcpu_count) / host.cpu_count : 0,
    }))
    .sort((a, b) => b.cpu - a.cpu || b.guest.vmem_size - a.guest.vmem_size);
}

function Guests({ view: { host, guests } }: { view: HostView }) {
  const { t, percent, gib } = useSpeech();
  return (
    <Part title={t.guests}>
      {guests.length === 0 ? (
        <p class="soft">{t.noGuests}</p>
      ) : (
        <table class="table guests">
          <thead>
            <tr>
              <th scope="col">{t.guest}</th>
              <th scope="col" title={t.weightHelp}>
                {t.weight}
              </th>
              <th scope="col">{t.cpu}</th>
              <th scope="col">{t.memory}</th>
            </tr>
          </thead>
          <tbody>
            {byWeight(host, guests).map(({ guest, cpu }) => {
              const own = guest.metrics['cpu.usage_active'];
              return (
                <tr key={guest.id}>
                  <th scope="row" title={guest.id}>
                    {guest.name} {guest.status !== 'running' && <span class="chip">{guest.status}</span>}
                    {guest.immovable !== undefined && (
                      <span class="chip" title={guest.immovable}>
                        {t.reasons.immovable}
                      </span>
                    )}
                  </th>
                  <td class="number">{own === undefined ? t.noReading : percent(cpu)}</td>
                  <td class="number soft">
                    {t.vcpus(guest.vcpu_count)}
                    {own !== undefined && `, ${t.ofItsOwn(percent(own, 0))}`}
                  </td>
                  <td class="number soft">{gib(guest.vmem_size * MIB)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Part>
  );
}

function Relieved({ name, events, place }: { name: string; events: readonly EventWithText[]; place: Place }) {
  const { t, when } = useSpeech();
  const last = events.findLast(({ action }) => DECIDED.includes(action));
  const explained = events.findLast(({ explanation }) => explanation !== undefined);
  const explanation = explained?.explanation as Explanation | undefined;
  const source = explanation?.sources.find((each) => each.name === name);
  return (
    <Part title={t.relieved}>
      {!last && <p class="soft">{t.neverAlerted}</p>}
      {last && (
        <p>
          <time class="number soft">{when(last.ops_time)}</time> <span class="word">{t.actions[last.action]}</span>{' '}
          <Told event={last} />{' '}
          {last.batch !== undefined && (
            <Link to={withQuery(place, { host: undefined, batch: last.batch })}>{t.why}</Link>
          )}
        </p>
      )}
      {source && (
        <ul lang="en">
          <li>{source.text}</li>
          {!source.cleared && explanation?.missing && <li>{explanation.missing.text}</li>}
        </ul>
      )}
    </Part>
  );
}
