import { useState } from 'preact/hooks';
import type { Plan, RuleFile, RuleStatus } from '../model/api.js';
import { tell } from '../model/api.js';
import type { RatedHost } from '../model/hosts.js';
import { byDistance } from '../model/hosts.js';
import type { Model } from '../model/store.js';
import type { Place } from '../model/place.js';
import { withQuery } from '../model/place.js';
import { Explained, Part } from '../parts/explained.js';
import { Link } from '../parts/link.js';
import { useSpeech } from '../text/language.js';

const MIB = 1024 ** 2;

interface RulesProps {
  model: Model;
  hosts: readonly RatedHost[];
  place: Place;
}

/** The rules, how each stands, and what it would do now. */
export function Rules({ model, hosts, place }: RulesProps) {
  const { t } = useSpeech();
  return (
    <section class="panel rules">
      <header>
        <h2>{t.rules}</h2>
      </header>
      {model.ruleProblems.length > 0 && (
        <Part title={t.ruleProblems}>
          <ul class="problem" lang="en">
            {model.ruleProblems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </Part>
      )}
      {model.rules.length === 0 && <p class="soft empty">{t.noRules}</p>}
      {model.rules.map((rule) => (
        <RuleCard key={rule.name} rule={rule} model={model} hosts={hosts} place={place} />
      ))}
    </section>
  );
}

function RuleCard({ rule, model, hosts, place }: RulesProps & { rule: RuleFile }) {
  const { t, when, gib, percent } = useSpeech();
  const isCpu = rule.metric === 'cpu.usage_active';
  const value = isCpu
    ? percent(Number(rule.threshold), 0)
    : typeof rule.threshold === 'number'
      ? gib(rule.threshold)
      : rule.threshold;
  const standing = model.standings.find(({ name }) => name === rule.name);
  const last = standing?.last;
  const sources = rule.source?.hosts ?? [];
  const { $schema: _schema, ...file } = rule;
  return (
    <article class="rule" aria-label={rule.name}>
      <h3>
        {rule.name}{' '}
        <span class="soft">
          {isCpu ? t.firesAbove(t.cpuLoad, value) : t.firesBelow(t.freeMemory, value)} ·{' '}
          {sources.length === 0 ? t.everyHost : sources.join(', ')}
        </span>
      </h3>
      <p class="chips">{standing && <RuleChips standing={standing} />}</p>
      {last && (
        <p>
          <span class="soft">{t.lastResult}:</span> <time class="number">{when(last.at)}</time>{' '}
          <span class="word">{t.actions[last.action]}</span> <span lang="en">{last.text}</span>{' '}
          {last.batch !== undefined && <Link to={withQuery(place, { batch: last.batch })}>{t.why}</Link>}
        </p>
      )}
      <details>
        <summary>{t.file}</summary>
        <pre tabIndex={0}>{JSON.stringify(file, null, 2)}</pre>
      </details>
      <TryIt rule={rule} model={model} hosts={hosts} />
    </article>
  );
}

function RuleChips({ standing: { enabled, mode, why, paused, window, budget } }: { standing: RuleStatus }) {
  const { t, when } = useSpeech();
  if (!enabled) return <span class="chip">{t.ruleOff}</span>;
  const { used, limit } = budget.hour;
  return (
    <>
      <span class={`chip ${mode === 'auto' ? 'good' : 'near'}`}>{mode === 'auto' ? t.ruleAuto : t.ruleRecommends}</span>
      {paused && <span class="chip near">{t.rulePaused(when(paused.until))}</span>}
      <span class={`chip ${window.open ? '' : 'near'}`}>{window.open ? t.windowOpen : t.windowClosed}</span>
      <span class="chip number">{limit === null ? t.movesInHour(used) : t.budget(used, limit)}</span>
      {[why, paused?.why, window.why].map(
        (text) =>
          text !== undefined && (
            <span key={text} class="soft" lang="en">
              {' '}
              {text}
            </span>
          ),
      )}
    </>
  );
}

function TryIt({ rule, model, hosts }: { rule: RuleFile; model: Model; hosts: readonly RatedHost[] }) {
  const { t, gib } = useSpeech();
  const [plan, setPlan] = useState<Plan>();
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const concerned = byDistance(hosts.filter(({ thresholds }) => thresholds.some((each) => each.rule === rule.name)));
  const [named, setNamed] = useState<string>();
  // Whoever is past the threshold would alert; where nobody is, the nearest.
  const over = concerned.filter(({ band, threshold }) => band === 'over' && threshold?.rule === rule.name);
  const usual = (over.length > 0 ? over.slice(0, 5) : concerned.slice(0, 1)).map(({ host }) => host.name).join(', ');
  const wanted = (named ?? usual)
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

  return (
    <div class="try">
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          setBusy(true);
          setProblem('');
          tell<Plan>('/api/try', { rule: rule.name, hosts: wanted })
            .then(setPlan, (error: unknown) => {
              setPlan(undefined);
              setProblem((error as Error).message);
            })
            .finally(() => setBusy(false));
        }}
      >
        <label>
          {t.tryHosts}
          <input
            value={named ?? usual}
            onInput={({ currentTarget }) => setNamed(currentTarget.value)}
            size={32}
            required
          />
        </label>
        <button type="submit" disabled={busy || model.connection.state !== 'live'}>
          {busy ? t.loading : t.tryIt}
        </button>
        <span class="soft">{t.tryHelp}</span>
      </form>
      <div role="status">
        {problem !== '' && <p class="problem">{t.failed(problem)}</p>}
        {plan && (
          <div class="tried">
            <p class={plan.outcome === 'migrate' ? 'good' : 'near'}>
              <strong>{t.tried[plan.outcome]}</strong>
              {plan.migrations.length > 0 && ` · ${t.moves(plan.migrations.length)}`}
            </p>
            {plan.migrations.length > 0 && (
              <ul>
                {plan.migrations.map(({ guest, target_host }) => (
                  <li key={guest.id}>
                    <strong>{guest.name}</strong> {guest.host} → {target_host.name}{' '}
                    <span class="soft number">
                      {t.vcpus(guest.vcpu_count)}, {gib(guest.vmem_size * MIB)}
                    </span>
                  </li>
                ))}
              </ul>
            )}
            <Explained explanation={plan.explanation} metric={plan.metric} threshold={plan.threshold} />
          </div>
        )}
      </div>
    </div>
  );
}
