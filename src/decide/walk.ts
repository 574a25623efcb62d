import type { Decision, DecisionRequest, Finding, ForeignPause } from './decision.js';

/** What every step finds before it, and adds to. */
export interface Draft {
  request: DecisionRequest;
  findings: Finding[];
  pauses: ForeignPause[];
  lagging: string[][];
  /** Of the oldest host's reading, ms; absent before there are any. */
  readingsAgeMs?: number;
}

/** Nothing is to be moved: the findings say why. */
export interface Ended extends Draft {
  ended: true;
  /** What else the decision says. */
  with?: Partial<Pick<Decision, 'steering' | 'plan'>>;
}

/** What a step comes to. */
export type Step<D extends Draft> = D | Ended;

/** Ends a decision with a finding. */
export function ended(draft: Draft, finding?: Finding, more: Ended['with'] = {}): Ended {
  const { request, findings, pauses, lagging, readingsAgeMs } = draft;
  const age = readingsAgeMs !== undefined && { readingsAgeMs };
  const all = finding ? [...findings, finding] : findings;
  return { request, findings: all, pauses, lagging, ...age, ended: true, with: more };
}

/** A decision on its way: each step gets the draft of the one before, until one has ended it. */
export interface Walk<D extends Draft> {
  step<Next extends Draft>(next: (draft: D) => Promise<Step<Next>> | Step<Next>): Walk<Next>;
  /** The decision, however it ended. */
  decision(finish: (draft: D) => Decision): Promise<Decision>;
}

/** Begins a decision. */
export function walk(request: DecisionRequest): Walk<Draft> {
  return walking(Promise.resolve<Step<Draft>>({ request, findings: [], pauses: [], lagging: [] }));
}

function walking<D extends Draft>(sofar: Promise<Step<D>>): Walk<D> {
  return {
    step: (next) => walking(sofar.then((draft) => ('ended' in draft ? draft : next(draft)))),
    async decision(finish) {
      const draft = await sofar;
      if (!('ended' in draft)) return finish(draft);
      const { findings, pauses, lagging, readingsAgeMs } = draft;
      const age = readingsAgeMs !== undefined && { readingsAgeMs };
      return { findings, pauses, lagging, ...age, migrations: [], steering: { kind: 'nothing' }, ...draft.with };
    },
  };
}
