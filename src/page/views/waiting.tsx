import { useState } from 'preact/hooks';
import type { ApprovalAnswer, PlanView } from '../model/api.js';
import { ApiError, tell } from '../model/api.js';
import type { Model } from '../model/store.js';
import { store } from '../model/store.js';
import type { Place } from '../model/place.js';
import { withQuery } from '../model/place.js';
import type { LoadBar } from '../parts/bar.js';
import { LoadBars } from '../parts/bar.js';
import { fieldOf } from '../parts/field.js';
import { Link } from '../parts/link.js';
import { useSpeech } from '../text/language.js';

const MIB = 1024 ** 2;
/** What a move costs besides the memory to copy, MiB. */
const PRICE_OF_A_MOVE = 1024;

/** Plans that wait for a person, the newest first. */
export function Waiting({ model, place }: { model: Model; place: Place }) {
  const { t } = useSpeech();
  const plans = model.plans.filter(({ state }) => state === 'open' || state === 'waiting').reverse();
  return (
    <section class="panel waiting">
      <header>
        <h2>{t.waiting}</h2>
        {plans.length > 0 && <span class="count-badge number">{plans.length}</span>}
      </header>
      {plans.length === 0 && model.status && <p class="soft empty">{t.nothingWaits}</p>}
      {plans.map((plan) => (
        <PlanCard key={plan.id} plan={plan} model={model} place={place} />
      ))}
    </section>
  );
}

/** One plan, and what can be done with it. */
export function PlanCard({ plan, model, place }: { plan: PlanView; model: Model; place: Place }) {
  const { t, when, gib, duration } = useSpeech();
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [dismissing, setDismissing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<{ text: string; isBad: boolean }>();
  const chosen = plan.migrations.filter(({ guest }) => !left.has(guest.id));
  const isOpen = plan.state === 'open';
  const cost = chosen.reduce((sum, { guest }) => sum + guest.vmem_size + PRICE_OF_A_MOVE, 0);
  const memory = chosen.reduce((sum, { guest }) => sum + guest.vmem_size, 0);
  const seconds = plan.expected_s === null || plan.cost === 0 ? null : (plan.expected_s * cost) / plan.cost;
  const off = busy || model.connection.state !== 'live';

  const act = async (path: string, body: object, done: (answer: ApprovalAnswer) => string) => {
    setBusy(true);
    try {
      setSaid({
        text: done(await tell<ApprovalAnswer>(`/api/plans/${encodeURIComponent(plan.id)}/${path}`, body)),
        isBad: false,
      });
      setDismissing(false);
    } catch (error) {
      const why = error instanceof ApiError && error.status === 404 ? t.planGone : (error as Error).message;
      setSaid({ text: t.refused(why), isBad: true });
    }
    setBusy(false);
    void store.loadPlans();
  };
  const approve = (at: 'now' | 'free') => {
    const moves = left.size > 0 ? { moves: chosen.map(({ guest }) => guest.id) } : {};
    return act('approve', { ...moves, when: at }, (answer) => {
      if (answer.outcome === 'waiting') return t.approvedLater;
      const stays = answer.outcome === 'accepted' ? (answer.no_longer_needed ?? []) : [];
      return [t.approved, stays.length > 0 ? t.stays(stays.join(', ')) : ''].join(' ');
    });
  };

  return (
    <article class={`plan ${plan.state}`} aria-label={`${plan.rule} ${plan.id}`}>
      <h3>
        <Link to={withQuery(place, { plan: plan.id })}>{plan.rule}</Link>{' '}
        <span class="soft">
          {t.moves(chosen.length)} · {t.toCopy(gib(memory * MIB))}
          {seconds !== null && ` · ${t.takes(duration(seconds))}`} · {t.expires(when(plan.expires_at))}
        </span>
      </h3>
      {plan.outcome === 'partial' && <p class="near">{t.partialPlan}</p>}
      {plan.loads.length > 0 && (
        <LoadBars loads={loadsOf(plan, left, model)} metric={plan.metric ?? 'cpu.usage_active'} />
      )}
      <fieldset class="ticks" disabled={!isOpen || off}>
        <legend class="hidden">{t.tickMoves}</legend>
        {plan.migrations.map(({ guest, target_host }) => (
          <label key={guest.id}>
            <input
              type="checkbox"
              checked={!left.has(guest.id)}
              onChange={({ currentTarget: { checked } }) => {
                const next = new Set(left);
                if (checked) next.delete(guest.id);
                else next.add(guest.id);
                setLeft(next);
              }}
            />
            <span>
              <strong>{guest.name}</strong> {guest.host} → {target_host.name}{' '}
              <span class="soft number">
                {t.vcpus(guest.vcpu_count)}, {gib(guest.vmem_size * MIB)}
              </span>
            </span>
          </label>
        ))}
      </fieldset>
      <p class="why" lang="en">
        {plan.why}
      </p>
      {plan.state === 'waiting' && <p class="soft">{t.waitsForEnd}</p>}
      {!isOpen && plan.state !== 'waiting' && <p class="soft">{t.planEnded(t.planStates[plan.state])}</p>}
      {isOpen && (
        <div class="buttons">
          <button
            type="button"
            class="primary"
            disabled={off || chosen.length === 0}
            onClick={() => void approve('now')}
          >
            {t.approve(chosen.length)}
          </button>
          {model.status?.batch && (
            <button type="button" disabled={off || chosen.length === 0} onClick={() => void approve('free')}>
              {t.approveFree}
            </button>
          )}
          <button
            type="button"
            class="quiet"
            disabled={off}
            onClick={() => setDismissing(!dismissing)}
            aria-expanded={dismissing}
          >
            {t.dismiss}
          </button>
        </div>
      )}
      {dismissing && isOpen && (
        <form
          class="dismissal"
          onSubmit={(event) => {
            event.preventDefault();
            const reason = fieldOf(event.currentTarget, 'reason');
            void act('dismiss', { reason }, () => t.dismissed);
          }}
        >
          <input name="reason" required maxLength={500} aria-label={t.reason} placeholder={t.reason} autoFocus />
          <button type="submit" disabled={off}>
            {t.doDismiss}
          </button>
        </form>
      )}
      <p role="status" class={said?.isBad ? 'problem' : 'good'}>
        {said?.text}
      </p>
    </article>
  );
}

/** What the hosts would read with some of the moves left out: each guest left out weighs on its source, not on its target. */
function loadsOf(plan: PlanView, left: ReadonlySet<string>, { fleet }: Model): LoadBar[] {
  const isCpu = plan.metric === 'cpu.usage_active';
  const hostOf = (id: string) => fleet?.hosts.find((host) => host.id === id);
  const sourcesFirst = [...plan.loads].sort((a, b) => (a.role < b.role ? -1 : a.role > b.role ? 1 : 0));
  return sourcesFirst.map((load) => {
    const host = hostOf(load.id);
    let after = load.after;
    for (const { guest, target_host } of plan.migrations) {
      if (!left.has(guest.id)) continue;
      const cpus = hostOf(guest.host_id)?.cpu_count ?? 1;
      const weight = isCpu ? guest.score : -guest.score;
      if (guest.host_id === load.id) after += weight;
      if (target_host.id === load.id) after -= isCpu ? (weight * cpus) / (host?.cpu_count ?? cpus) : weight;
    }
    const full = isCpu ? 100 : (host?.mem_size ?? 0) * MIB || Math.max(load.before, load.after, load.threshold);
    return { ...load, after, full };
  });
}
