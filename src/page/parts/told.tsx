import type { Explanation } from '../../balancer/index.js';
import type { MigrationNotes } from '../../journal/notes.js';
import type { EventWithText } from '../model/api.js';
import type { Speech } from '../text/language.js';
import { useSpeech } from '../text/language.js';

/** What an event says: in the language of the page where its notes are typed, else in the receiver's own words. */
export function Told({ event }: { event: EventWithText }) {
  const speech = useSpeech();
  const sentence = sentenceOf(event, speech);
  return sentence === undefined ? <span lang="en">{event.text}</span> : <span>{sentence}</span>;
}

/** @returns undefined where only the receiver's own words will do. */
export function sentenceOf(event: EventWithText, { t, gib }: Speech): string | undefined {
  const say = t.sentences;
  if (!say) return undefined;
  const way = ({ guest, target_host: target }: MigrationNotes) => [guest.name, guest.host, target.name] as const;
  switch (event.action) {
    case 'create':
      return say.ruleAdded(event.obj_name);
    case 'changed':
      return say.ruleChanged(event.obj_name);
    case 'deleted':
      return say.ruleGone(event.obj_name);
    case 'migrating':
      return say.goes(...way(event.notes));
    case 'migrate_success':
      return say.moved(...way(event.notes));
    case 'migrate_fail':
    case 'migrate_error':
      return typeof event.notes === 'string' ? undefined : say.stayed(...way(event.notes), event.notes.reason ?? '');
    case 'recommended': {
      const { migrations, cost, plan } = event.notes;
      return say.recommended(plan, migrations.map((each) => say.way(...way(each))).join('，'), gib(cost * 1024 ** 2));
    }
    case 'approved':
      return say.approved(event.notes.plan, event.user);
    case 'dismissed':
      return typeof event.notes === 'string'
        ? undefined
        : say.dismissed(event.notes.plan, event.user, event.notes.reason);
    case 'decision_fail':
    case 'dropped':
    case 'find_result_fail':
    case 'flapping':
    case 'foreign_move':
    case 'ignored':
    case 'limited':
    case 'metrics_fail':
    case 'not_needed':
    case 'partial':
    case 'paused':
    case 'recommend_mode':
    case 'resumed':
    case 'stopped':
    case 'verified':
      return undefined;
  }
}

/** What has to go from a host. */
export function SourceText({ source, metric }: { source: Explanation['sources'][number]; metric: string }) {
  const { t, reading } = useSpeech();
  if (!t.sentences) return <span lang="en">{source.text}</span>;
  return (
    <span>{t.sentences.source(source.name, reading(metric, source.current), reading(metric, source.excess))}</span>
  );
}

/** What the next best plan would be. */
export function NextBestText({ next }: { next: NonNullable<Explanation['nextBest']> }) {
  const { t, gib } = useSpeech();
  if (!t.sentences) return <p lang="en">{next.text}</p>;
  const { instead, without, cost } = next;
  return <p>{t.sentences.nextBest(instead.join('、'), without.join('、'), gib(cost * 1024 ** 2))}</p>;
}

/** What is wanting. */
export function MissingText({ missing, metric }: { missing: NonNullable<Explanation['missing']>; metric: string }) {
  const { t, reading } = useSpeech();
  const { text, nearest } = missing;
  if (!t.sentences || !nearest) return <p lang="en">{text}</p>;
  const lacks = nearest.missing.map(({ reason, amount }) => {
    const isCpu = reason === 'cpu_ceiling' || (reason === 'over_threshold' && metric === 'cpu.usage_active');
    return `${t.reasons[reason]}（${reading(isCpu ? 'cpu.usage_active' : 'mem.available', amount)}）`;
  });
  return <p>{t.sentences.nearest(nearest.guest, nearest.host, lacks.join('、'))}</p>;
}
