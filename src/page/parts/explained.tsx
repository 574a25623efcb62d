import type { ComponentChildren } from 'preact';
import type { Explanation } from '../../balancer/index.js';
import { useSpeech } from '../text/language.js';
import { LoadBars } from './bar.js';
import { MissingText, NextBestText, SourceText } from './told.js';

/** A part of an account: what it is about, and what there is to say. */
export function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Groups({ groups }: { groups: Explanation['refusedHosts'] }) {
  const { t } = useSpeech();
  return (
    <ul class="groups">
      {groups.map(({ reason, count, examples }) => (
        <li key={reason}>
          <strong class="number">{t.counted(count, t.reasons[reason])}</strong>{' '}
          <span class="soft">
            {examples.join(', ')}
            {count > examples.length && ', …'}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** How likely each host of a plan is to be past its threshold, before it and after it, where the past says so. */
function Expected({ loads }: Pick<Explanation, 'loads'>) {
  const known = loads.flatMap(({ id, name, risk }) => (risk ? [{ id, text: `${name}: ${risk.text}` }] : []));
  if (known.length === 0) return null;
  return (
    <ul lang="en">
      {known.map(({ id, text }) => (
        <li key={id}>{text}</li>
      ))}
    </ul>
  );
}

/** Where loads of a plan are past, by what it was to bring. */
export interface ExplainedProps {
  explanation: Explanation;
  metric: string;
  threshold?: number | undefined;
}

/** Why a plan is as it is. Its sentences are the balancer's own, in English. */
export function Explained({ explanation, metric, threshold }: ExplainedProps) {
  const { t } = useSpeech();
  const { sources, chosen, nextBest, refusedHosts, refusedGuests, loads, missing } = explanation;
  return (
    <>
      {sources.length > 0 && (
        <Part title={t.readings}>
          <ul>
            {sources.map((source) => (
              <li key={source.id}>
                <SourceText source={source} metric={metric} />
              </li>
            ))}
          </ul>
          {loads.length > 0 && threshold !== undefined && (
            <LoadBars loads={loads.map((load) => ({ ...load, threshold }))} metric={metric} />
          )}
        </Part>
      )}
      <Part title={t.chosen}>
        <p lang="en">{chosen}</p>
        <Expected loads={loads} />
      </Part>
      {nextBest && (
        <Part title={t.nextBest}>
          <NextBestText next={nextBest} />
        </Part>
      )}
      {refusedHosts.length > 0 && (
        <Part title={t.hostsRefused}>
          <Groups groups={refusedHosts} />
        </Part>
      )}
      {refusedGuests.length > 0 && (
        <Part title={t.guestsLeft}>
          <Groups groups={refusedGuests} />
        </Part>
      )}
      {missing && (
        <Part title={t.wouldHaveTo}>
          <MissingText missing={missing} metric={metric} />
        </Part>
      )}
    </>
  );
}
