import { useSpeech } from '../text/language.js';

/** Where a threshold stands on a bar. */
export interface Tick {
  /** Share of the bar, 0 to 1. */
  at: number;
  title: string;
}

interface BarProps {
  /** Share that is filled, 0 to 1; absent without a reading. */
  share: number | undefined;
  tone?: 'fine' | 'near' | 'over' | 'move' | 'done' | 'bad';
  ticks?: readonly Tick[];
}

const width = (share: number): string => `${Math.max(0, Math.min(1, share)) * 100}%`;

/** A bar; what it says stands beside it in words, so readers of the screen pass over it. */
export function Bar({ share, tone = 'fine', ticks = [] }: BarProps) {
  return (
    <span class={`bar ${share === undefined ? 'none' : tone}`} aria-hidden="true">
      {share !== undefined && <span class="fill" style={{ width: width(share) }} />}
      {ticks
        .filter(({ at }) => at >= 0 && at <= 1)
        .map(({ at, title }) => (
          <span key={title} class="tick" style={{ left: width(at) }} title={title} />
        ))}
    </span>
  );
}

/** A host that a plan touches. */
export interface LoadBar {
  name: string;
  role: 'source' | 'target';
  before: number;
  after: number;
  threshold: number;
  /** What a full bar stands for: 100 %, or the host's memory in bytes. */
  full: number;
}

/** Loads before and after, a pair of bars for each host. Memory is drawn as what is in use, so that full is full. */
export function LoadBars({ loads, metric }: { loads: readonly LoadBar[]; metric: string }) {
  const { t, reading } = useSpeech();
  const isCpu = metric === 'cpu.usage_active';
  const share = (value: number, full: number) => (full > 0 ? (isCpu ? value / full : 1 - value / full) : 0);
  const isOver = (value: number, threshold: number) => (isCpu ? value >= threshold : value <= threshold);
  return (
    <table class="loads">
      <thead>
        <tr>
          <th scope="col">{t.host}</th>
          <th scope="col">{t.before}</th>
          <th scope="col">{t.after}</th>
        </tr>
      </thead>
      <tbody>
        {loads.map(({ name, role, before, after, threshold, full }) => {
          const tick = { at: share(threshold, full), title: `${t.threshold} ${reading(metric, threshold)}` };
          return (
            <tr key={name} class={role}>
              <th scope="row">{name}</th>
              {[before, after].map((value, index) => (
                <td key={index}>
                  <span class={`number ${isOver(value, threshold) ? 'over' : ''}`}>{reading(metric, value)}</span>
                  <Bar share={share(value, full)} tone={isOver(value, threshold) ? 'over' : 'fine'} ticks={[tick]} />
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
