import { METRIC_NAMES } from '../fleet/fleet.js';
import { EVENT_ACTIONS } from '../journal/events.js';

const text = { type: 'string' };
const number = { type: 'number' };
const mib = { type: 'number', description: 'MiB' };
const time = { type: 'string', format: 'date-time' };
const whole = { type: 'integer' };
const words = (...list: string[]): object => ({ enum: list });
const listOf = (items: object): object => ({ type: 'array', items });
const optional = (content: object): object => ({ anyOf: [content, { type: 'null' }] });

/** An object whose properties are all there, besides those given as `more`. */
function shape(properties: Record<string, object>, more: Record<string, object> = {}): object {
  return { type: 'object', required: Object.keys(properties), properties: { ...properties, ...more } };
}

/** A reference to one of {@link components}. */
export function ref(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

/** An answer that only says how things stand. */
export function states(...list: string[]): object {
  return shape({ status: words(...list) });
}

const truncated = { type: 'integer', description: 'So many alerts the sender has left out of the body' };
const links = { type: 'array', items: text, description: 'Where people see the alerts, at the sender' };

/** A host, in a snapshot and in a summary. */
const hostFields = {
  id: text,
  name: text,
  status: text,
  enabled: { type: 'boolean' },
  host_type: text,
  cpu_architecture: text,
  cpu_count: whole,
  mem_size: { type: 'integer', description: 'MiB' },
  metrics: ref('Readings'),
};
const optionalHostFields = { addresses: listOf(text), maintenance: { type: 'boolean' }, tags: { type: 'object' } };

const guest = shape(
  {
    id: text,
    name: text,
    host_id: text,
    status: text,
    vcpu_count: whole,
    vmem_size: { type: 'integer', description: 'MiB' },
    metrics: ref('Readings'),
  },
  { immovable: text, tags: { type: 'object' } },
);
const course = (description: string): object => ({ description, ...listOf(listOf(number)) });

const migrationNotes = shape(
  {
    guest: shape({
      host: text,
      host_id: text,
      id: text,
      name: text,
      score: number,
      vcpu_count: whole,
      vmem_size: { type: 'integer', description: 'MiB' },
    }),
    target_host: shape({ id: text, name: text, score: number }),
  },
  {
    preventive: { type: 'boolean', description: 'Its source did not alert: it was relieved before it would' },
    reason: text,
    concerns: words('pair', 'target'),
    cancelled: { type: 'boolean' },
  },
);

/** Every shape that an answer has. */
export const components = {
  Accepted: shape({ outcome: words('accepted'), batch: text, rules: listOf(text), hosts: listOf(text) }, { truncated }),
  Ignored: shape({ outcome: words('ignored'), reason: text, text }, { truncated }),
  Dropped: shape({ outcome: words('dropped'), reason: words('busy'), batch: text, text }, { truncated }),
  Unavailable: shape({ outcome: words('unavailable'), reason: words('shutting_down', 'journal'), text }),
  Refusal: shape({ error: text }, { message: text, problems: listOf(shape({ field: text, message: text })) }),
  NotReady: shape({ status: words('not_ready'), problems: listOf(text) }),
  Rules: shape({
    rules: listOf(ref('RuleFile')),
    problems: listOf(text),
    standings: listOf(
      shape(
        {
          name: text,
          enabled: { type: 'boolean' },
          mode: words('auto', 'recommend'),
          window: shape({ open: { type: 'boolean' } }, { why: text }),
          budget: shape({ hour: ref('Budget') }),
        },
        {
          why: { type: 'string', description: 'Why it only recommends, where it is not the rule that says so' },
          paused: shape({ until: time, why: text }),
          last: shape({ at: time, action: words(...EVENT_ACTIONS), text }, { batch: text }),
        },
      ),
    ),
  }),
  Events: shape({
    events: listOf(
      shape(
        {
          id: whole,
          ops_time: { type: 'string', format: 'date-time' },
          obj_id: text,
          obj_type: words('migrationalert'),
          obj_name: text,
          user: text,
          tenant: words('system'),
          action: words(...EVENT_ACTIONS),
          notes: { anyOf: [text, ref('MigrationNotes'), { type: 'object' }] },
          text: { type: 'string', description: 'One sentence for people' },
        },
        { batch: text, links, explanation: { type: 'object', description: 'Why the plan is as it is, as in a plan' } },
      ),
    ),
  }),
  MigrationNotes: migrationNotes,
  Plans: shape({
    plans: listOf(
      shape(
        {
          id: text,
          rule: text,
          sender: text,
          batch: text,
          hosts: listOf(listOf(text)),
          created_at: text,
          expires_at: text,
          state: {
            ...words('open', 'waiting', 'approved', 'dismissed', 'superseded', 'expired'),
            description: 'waiting: approved, and carried out when the running batch has ended',
          },
          outcome: words('migrate', 'partial'),
          cost: mib,
          notes: text,
          migrations: listOf(ref('MigrationNotes')),
          loads: listOf(ref('PlannedLoad')),
          expected_s: {
            ...optional(number),
            description: "How long its moves will take, s, as measured with the rule's last moves",
          },
          why: { type: 'string', description: 'Why these moves and no others' },
        },
        {
          metric: words(...METRIC_NAMES),
          by: { type: 'string', description: 'The batch that carried it out, or the plan that took its place' },
          recommended_because: { type: 'string', description: 'Why it waits, where it is not the rule that says so' },
          approved: shape({ by: text, at: time }, { moves: { ...listOf(text), description: 'Guests, if not all' } }),
          dismissed: shape({ by: text, at: time, reason: text }),
        },
      ),
    ),
  }),
  PlannedLoad: {
    ...shape({
      id: text,
      name: text,
      role: words('source', 'target'),
      before: number,
      after: number,
      threshold: number,
    }),
    description: 'A host that the moves touch: % for CPU, bytes of available memory',
  },
  Approved: shape(
    {
      outcome: words('accepted'),
      plan: text,
      batch: text,
      rules: listOf(text),
      loads: listOf(ref('PlannedLoad')),
      cost: mib,
    },
    { no_longer_needed: listOf(text) },
  ),
  WaitingPlan: shape({ outcome: words('waiting'), plan: text, batch: text }),
  Dismissed: shape({ outcome: words('dismissed'), plan: text }),
  NotDone: shape({
    outcome: words('refused'),
    reason: words(
      ...['busy', 'paused', 'stopped', 'no_batch', 'changed', 'approved', 'dismissed', 'superseded', 'expired'],
    ),
    reasons: listOf(text),
  }),
  Status: shape({
    version: text,
    mode: { ...words('auto', 'recommend'), description: "recommend: nothing moves without a person's approval" },
    ready: { type: 'boolean' },
    problems: listOf(text),
    budget: {
      ...shape({ hour: ref('Budget'), day: ref('Budget') }),
      description: 'Migrations that all rules together have started within the last hour and day',
    },
    paused: optional(ref('OperatorPause')),
    batch: optional({ type: 'object', description: 'As in Batch' }),
    plans_waiting: whole,
    rules: shape({ enabled: whole, disabled: whole }),
    cloud: ref('Reachability'),
    metrics: ref('Reachability'),
  }),
  Budget: shape({ used: whole, limit: { ...optional(whole), description: 'null: any number' } }),
  Reachability: shape({ up: { type: 'boolean' }, since: text }, { text }),
  Trial: shape(
    {
      outcome: words('migrate', 'partial', 'find_result_fail', 'not_needed'),
      rule: text,
      metric: words(...METRIC_NAMES),
      threshold: number,
      sources: listOf(shape({ id: text, name: text }, { current: number, predicted: number })),
      migrations: listOf({ type: 'object' }),
      cost: mib,
      optimal: { type: 'boolean' },
      gap: number,
      notes: text,
      rejected: listOf(shape({ reason: text, text }, { guest: text, host: text })),
      explanation: { type: 'object' },
      would: shape(
        { outcome: words('move', 'recommend', 'nothing'), reasons: listOf(text) },
        { held_by: words('paused', 'rule_disabled', 'outside_window', 'busy') },
      ),
    },
    { batch: { type: 'string', description: 'What runs meanwhile' } },
  ),
  TestAlert: shape(
    {
      outcome: words('tried', 'accepted', 'ignored', 'dropped'),
      alert: { type: 'object', description: 'The body of the webhook, as Alertmanager sends it' },
      answer: { type: 'object', description: 'As of a webhook; without go what it would be' },
    },
    { plan: ref('Trial'), batch: text },
  ),
  OperatorPause: shape({ by: text, reason: text, since: text }, { until: text }),
  Paused: shape({ outcome: words('paused'), paused: ref('OperatorPause') }),
  Resumed: shape({ outcome: words('resumed'), was_paused: { type: 'boolean' } }),
  Stopping: shape(
    {
      outcome: words('stopping'),
      batch: text,
      abort: { type: 'boolean' },
      left_out: listOf(text),
      under_way: listOf(text),
    },
    { no_longer_waiting: { ...listOf(text), description: 'Plans that waited for its end' } },
  ),
  Batch: shape({
    batch: optional(
      shape(
        {
          id: text,
          sender: text,
          accepted_at: text,
          step: words('asking', 'planning', 'migrating'),
          rules: listOf(text),
          alerts: listOf(shape({ rule: text, host: text, joined: { type: 'boolean' } })),
          migrations: listOf(
            shape(
              { rule: text, notes: ref('MigrationNotes'), phase: text },
              {
                handle: text,
                asked_at: text,
                followed_ms: { type: 'number', description: 'how long it has been followed, ms' },
                unanswered: { type: 'boolean' },
                still_under_way: { type: 'boolean' },
                progress: { type: 'number', description: '%' },
                status: text,
              },
            ),
          ),
        },
        { links },
      ),
    ),
  }),
  Batches: shape({
    batches: listOf(
      shape(
        {
          id: text,
          sender: text,
          accepted_at: text,
          ended_at: text,
          rules: listOf(text),
          succeeded: whole,
          failed: whole,
        },
        { fault: text },
      ),
    ),
  }),
  Snapshot: shape({
    taken_at: text,
    hosts: listOf(shape(hostFields, optionalHostFields)),
    guests: listOf(guest),
  }),
  HostView: shape(
    {
      taken_at: text,
      host: shape(hostFields, optionalHostFields),
      guests: listOf(guest),
      course: shape(
        {},
        {
          'cpu.usage_active': course('[ms since the epoch, %], oldest first'),
          'mem.available': course('[ms since the epoch, bytes], oldest first'),
        },
      ),
    },
    { without_course: { type: 'string', description: 'Why the metric store gives none' } },
  ),
  FleetSummary: shape({
    taken_at: text,
    guests: { type: 'integer', description: 'How many there are in all' },
    hosts: listOf(
      shape(
        {
          ...hostFields,
          guest_count: whole,
          guest_vcpus: whole,
          guest_memory: { type: 'integer', description: 'MiB' },
        },
        optionalHostFields,
      ),
    ),
  }),
};
