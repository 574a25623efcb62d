import { useMemo } from 'preact/hooks';
import type { Model } from '../model/store.js';
import type { RatedHost } from '../model/hosts.js';
import { byDistance, search } from '../model/hosts.js';
import type { Place } from '../model/place.js';
import { go, viewAt, withQuery } from '../model/place.js';
import type { Tick } from '../parts/bar.js';
import { Bar } from '../parts/bar.js';
import { Link } from '../parts/link.js';
import { VirtualRows } from '../parts/virtual-rows.js';
import { useSpeech } from '../text/language.js';

const MIB = 1024 ** 2;
/** More hosts than this are shown in compact rows. */
const ROOMY_UP_TO = 30;

interface HostsProps {
  model: Model;
  hosts: readonly RatedHost[];
  place: Place;
  /** With search and zones. */
  full: boolean;
}

/** The hosts, those that matter first. */
export function Hosts({ model: { status, fleet, fleetProblem }, hosts, place, full }: HostsProps) {
  const { t, when } = useSpeech();
  const { q = '', zone = '' } = full ? place.query : {};
  const sorted = useMemo(() => byDistance(hosts), [hosts]);
  const shown = useMemo(() => search(sorted, q, zone), [sorted, q, zone]);
  const zones = useMemo(() => [...new Set(hosts.map((each) => each.zone))].filter(Boolean).sort(), [hosts]);
  const traffic = trafficOf(status);
  const height = hosts.length > ROOMY_UP_TO ? 28 : 40;

  return (
    <section class={`panel hosts ${zones.length > 1 ? 'zones' : ''} ${height > 30 ? 'roomy' : ''}`}>
      <header>
        <h2>{t.hosts}</h2>
        <span class="soft">
          {t.ofHosts(shown.length, hosts.length)}
          {fleet && ` · ${t.asOf(when(fleet.taken_at))}`}
        </span>
        {full ? (
          <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
            <input
              type="search"
              aria-label={t.searchHosts}
              placeholder={t.searchHosts}
              value={q}
              onInput={({ currentTarget: { value } }) => go(withQuery(place, { q: value }), true)}
            />
            {zones.length > 1 && (
              <select
                aria-label={t.zone}
                value={zone}
                onChange={({ currentTarget: { value } }) => go(withQuery(place, { zone: value }), true)}
              >
                <option value="">{t.everyZone}</option>
                {zones.map((each) => (
                  <option key={each} value={each}>
                    {each}
                  </option>
                ))}
              </select>
            )}
          </form>
        ) : (
          <Link class="more" to={viewAt(place, 'hosts')}>
            {t.allHosts(hosts.length)}
          </Link>
        )}
      </header>
      {fleetProblem !== undefined && (
        <p class="problem" role="alert">
          {t.fleetFailed(fleetProblem)}
        </p>
      )}
      {fleet && shown.length === 0 && <p class="soft empty">{hosts.length === 0 ? t.noHosts : t.noMatch}</p>}
      {shown.length > 0 && (
        <VirtualRows
          rows={shown}
          height={height}
          label={t.hosts}
          columns={6}
          header={
            <>
              <span role="columnheader">{t.host}</span>
              <span role="columnheader" class="zone">
                {t.zone}
              </span>
              <span role="columnheader">{t.distance}</span>
              <span role="columnheader">{t.cpu}</span>
              <span role="columnheader">{t.memory}</span>
              <span role="columnheader" class="count">
                {t.guests}
              </span>
            </>
          }
          draw={(row, index, slot) => (
            <HostRow key={slot} row={row} index={index} place={place} traffic={traffic.get(row.host.id)} />
          )}
        />
      )}
      {!fleet && fleetProblem === undefined && <p class="soft empty">{t.loading}</p>}
    </section>
  );
}

interface Traffic {
  leaving: number;
  arriving: number;
}

/** Guests on their way, by host. */
function trafficOf(status: Model['status']): Map<string, Traffic> {
  const traffic = new Map<string, Traffic>();
  const at = (id: string) => {
    const known = traffic.get(id) ?? { leaving: 0, arriving: 0 };
    traffic.set(id, known);
    return known;
  };
  for (const { phase, notes } of status?.batch?.migrations ?? []) {
    if (phase !== 'moving' && phase !== 'asking' && phase !== 'planned') continue;
    at(notes.guest.host_id).leaving += 1;
    at(notes.target_host.id).arriving += 1;
  }
  return traffic;
}

interface HostRowProps {
  row: RatedHost;
  index: number;
  place: Place;
  traffic: Traffic | undefined;
}

function HostRow({ row: { host, band, margin, thresholds, zone, threshold }, index, place, traffic }: HostRowProps) {
  const { t, percent, gib, reading } = useSpeech();
  const size = host.mem_size * MIB;
  const cpu = host.metrics['cpu.usage_active'];
  const free = host.metrics['mem.available'];
  const ticks = (metric: string): Tick[] =>
    thresholds
      .filter((each) => each.metric === metric)
      .map(({ rule, value }) => ({
        at: metric === 'cpu.usage_active' ? value / 100 : 1 - value / size,
        title: `${rule}: ${reading(metric, value)}`,
      }));
  const tone = (metric: string) =>
    threshold?.metric === metric && (band === 'over' || band === 'near') ? band : 'fine';
  const state = host.maintenance
    ? t.maintenance
    : !host.enabled
      ? t.disabled
      : host.status === 'online'
        ? ''
        : host.status;
  const points = margin === undefined ? '' : percent(Math.abs(margin)).replace(' %', '');
  return (
    <div
      class={`row ${band} ${state === '' ? '' : 'aside'} ${threshold?.metric === 'mem.available' ? 'by-memory' : ''}`}
      role="row"
      aria-rowindex={index + 2}
    >
      <span role="cell" class="name">
        <Link to={withQuery(place, { host: host.id })} title={host.id}>
          {host.name}
        </Link>
        {state !== '' && <span class="chip">{state}</span>}
        {traffic && traffic.leaving > 0 && (
          <span class="chip move" title={t.leaving(traffic.leaving)}>
            ↗{traffic.leaving}
          </span>
        )}
        {traffic && traffic.arriving > 0 && (
          <span class="chip move" title={t.arriving(traffic.arriving)}>
            ↘{traffic.arriving}
          </span>
        )}
      </span>
      <span role="cell" class="zone soft">
        {zone}
      </span>
      <span role="cell" class="distance number">
        {margin === undefined
          ? band === 'unknown'
            ? t.noReading
            : t.noThreshold
          : margin < 0
            ? t.pointsOver(points)
            : t.pointsLeft(points)}
      </span>
      <span role="cell" class="reading">
        <Bar
          share={cpu === undefined ? undefined : cpu / 100}
          tone={tone('cpu.usage_active')}
          ticks={ticks('cpu.usage_active')}
        />
        <span class="number">{cpu === undefined ? '–' : percent(cpu)}</span>
      </span>
      <span role="cell" class="reading">
        <Bar
          share={free === undefined ? undefined : 1 - free / size}
          tone={tone('mem.available')}
          ticks={ticks('mem.available')}
        />
        <span class="number">{free === undefined ? '–' : `${gib(free)} ${t.memoryFree}`}</span>
      </span>
      <span role="cell" class="count number soft">
        {host.guest_count}
      </span>
    </div>
  );
}
