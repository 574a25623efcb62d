import type { Model } from '../model/store.js';
import { useNow } from '../model/store.js';
import type { Place } from '../model/place.js';
import { withQuery } from '../model/place.js';
import { usualSpeed } from '../model/story.js';
import { Bar } from '../parts/bar.js';
import { Link } from '../parts/link.js';
import { useSpeech } from '../text/language.js';

type Batch = NonNullable<NonNullable<Model['status']>['batch']>;
type Move = Batch['migrations'][number];

const BAD: readonly Move['phase'][] = ['failed', 'error', 'given_up'];
const isRunning = ({ phase }: Move): boolean => phase === 'moving' || phase === 'asking';

/** What is being done. */
export function Now({ model, place }: { model: Model; place: Place }) {
  const { t, when } = useSpeech();
  const batch = model.status?.batch;
  const last = model.events.findLast(({ action }) => action === 'migrate_success');
  return (
    <section class="panel now">
      <header>
        <h2>{t.now}</h2>
        {batch && (
          <Link class="more" to={withQuery(place, { batch: batch.id })}>
            {t.details}
          </Link>
        )}
      </header>
      {batch ? (
        <RunningBatch batch={batch} speed={usualSpeed(model.events)} place={place} />
      ) : (
        model.status && (
          <p class="soft empty">
            {t.nothingRuns} {last && t.lastMove(when(last.ops_time))}
          </p>
        )
      )}
    </section>
  );
}

function RunningBatch({ batch, speed, place }: { batch: Batch; speed: number | undefined; place: Place }) {
  const { t, duration, when } = useSpeech();
  const now = useNow();
  const ended = batch.migrations.filter((move) => move.phase === 'succeeded' || BAD.includes(move.phase)).length;
  const left = batch.migrations
    .filter((move) => isRunning(move) || move.phase === 'planned')
    .reduce((sum, { notes }) => sum + notes.guest.vmem_size, 0);
  return (
    <>
      <p class="batch-head">
        <strong>{t.steps[batch.step]}</strong> {t.forRules(batch.rules.join(', '))}{' '}
        <span class="soft">
          {t.sentBy(batch.sender)} · {when(batch.accepted_at)} ·{' '}
          {t.elapsed(duration((now - Date.parse(batch.accepted_at)) / 1000))}
          {speed !== undefined && left > 0 && ` · ${t.expected(duration(left / speed))}`}
          {batch.migrations.length > 0 && ` · ${t.movesDone(ended, batch.migrations.length)}`}
        </span>
      </p>
      <ul class="alerts" aria-label={t.alertsOf}>
        {batch.alerts.map(({ rule, host, joined }) => (
          <li key={`${rule} ${host}`}>
            <span class="chip">{joined ? t.joined : t.opened}</span> {host} <span class="soft">{rule}</span>
          </li>
        ))}
        {(batch.links ?? [])
          .filter((link) => /^https?:/.test(link))
          .map((link) => (
            <li key={link}>
              <a href={link} target="_blank" rel="noreferrer noopener">
                {t.atSender} ↗
              </a>
            </li>
          ))}
      </ul>
      {batch.stopped && <p class="problem">{t.stoppedBy(batch.stopped.by)}</p>}
      <ol class="moves">
        {batch.migrations.map((move) => (
          <MoveRow
            key={`${move.notes.guest.id} ${move.notes.target_host.id}`}
            move={move}
            speed={speed}
            now={now}
            place={place}
          />
        ))}
      </ol>
    </>
  );
}

function MoveRow({ move, speed, now, place }: { move: Move; speed: number | undefined; now: number; place: Place }) {
  const { t, duration, percent, gib } = useSpeech();
  const { guest, target_host: target } = move.notes;
  const isBad = BAD.includes(move.phase);
  const took = move.asked_at === undefined ? undefined : (now - Date.parse(move.asked_at)) / 1000;
  const expected = speed === undefined ? undefined : guest.vmem_size / speed;
  const share = move.phase === 'succeeded' ? 1 : move.phase === 'planned' ? 0 : (move.progress ?? 0) / 100;
  return (
    <li class={move.phase}>
      <span class="way">
        <strong>{guest.name}</strong> <Link to={withQuery(place, { host: guest.host_id })}>{guest.host}</Link> →{' '}
        <Link to={withQuery(place, { host: target.id })}>{target.name}</Link>
      </span>
      <span class="soft number">
        {gib(guest.vmem_size * 1024 ** 2)}
        {isRunning(move) && took !== undefined && ` · ${duration(took)}`}
        {isRunning(move) && expected !== undefined && ` / ${duration(expected)}`}
      </span>
      <span class="number state">
        {isRunning(move) && move.progress !== undefined ? percent(move.progress, 0) : t.phases[move.phase]}
      </span>
      <Bar share={isBad ? 1 : share} tone={isBad ? 'bad' : move.phase === 'succeeded' ? 'done' : 'move'} />
    </li>
  );
}
