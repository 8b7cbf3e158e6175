import type { Alert, Destination } from '../../src/alerts/alert.ts';
import type { EpochMs } from '../../src/lib/units.ts';
import { type Decision, decideNotifications } from '../../src/messages/plan.ts';
import type {
  AlertGroupSnapshot,
  DesiredMessage,
  MessageUpdate,
  SilenceUpdate,
  Store,
  ThreadLine,
} from '../../src/messages/store.ts';
import type { SloRule } from '../../src/rules/rule.ts';

/** A message update as tests speak of it: a message that begins, is refreshed, or gets a line of some kind. */
export interface Decided {
  /** The line's key, or what the message is decided under. */
  readonly id: string;
  readonly kind: 'firing' | 'refresh' | 'act' | Exclude<ThreadLine['kind'], 'silence'>;
  /** The key of the message. */
  readonly alertId: string;
  readonly alert: Alert;
  readonly rule: SloRule;
  readonly createdAt: EpochMs;
  readonly notBefore: EpochMs;
  readonly destination?: Destination;
  readonly alertGroup?: AlertGroupSnapshot;
  readonly escalates?: string;
  /** The message whose thread it is a reply in. */
  readonly parent?: string;
  readonly note?: string;
  /** The silence that an action made or ended. */
  readonly notified?: SilenceUpdate;
  /** The update itself. */
  readonly update: MessageUpdate;
}

function kindOf({ isNew, desired, line }: MessageUpdate): Decided['kind'] {
  if (isNew === true && desired?.parent === undefined) return 'firing';
  if (line !== undefined && line.kind !== 'silence') return line.kind;
  return desired === undefined ? 'act' : 'refresh';
}

function idOf(update: MessageUpdate): string {
  const { key, isNew, line, at } = update;
  if (line !== undefined) return line.key;
  return isNew === true ? `${key}:firing` : `${key}:${kindOf(update)}:${at / 1_000}`;
}

function decidedOf(update: MessageUpdate, known?: DesiredMessage): Decided | readonly [] {
  const { key: alertId, desired, line, at: createdAt, notBefore = createdAt } = update;
  const of = desired ?? line ?? known;
  if (of === undefined) return [];
  const { destination, alertGroup, escalates, parent } = desired ?? {};
  const { alert, rule } = of;
  const more = { destination, alertGroup, escalates, parent, note: line?.text, notified: line?.silence };
  return {
    id: idOf(update),
    kind: kindOf(update),
    alertId,
    alert,
    rule,
    createdAt,
    notBefore,
    ...more,
    update,
  };
}

/** The updates that an evaluation decided; those that only render a message again are left out. */
export const decided = (updates: readonly MessageUpdate[]): readonly Decided[] =>
  updates.flatMap((update) => decidedOf(update));

/** The decision on a rule's alerts, with what it decided as tests speak of it. */
export function decideRule(...args: Parameters<typeof decideNotifications>): Decision & {
  readonly entries: readonly Decided[];
} {
  const decision = decideNotifications(...args);
  return { ...decision, entries: decided(decision.messages) };
}

interface Recorded {
  readonly decided: Decided[];
  readonly desired: Map<string, DesiredMessage>;
  readonly lines: Set<string>;
}

const recorded = new WeakMap<Store, Recorded>();

/** An update without a line that was decided before. */
function withoutKnownLine({ lines }: Recorded, update: MessageUpdate): MessageUpdate {
  const { line } = update;
  if (line === undefined) return update;
  if (lines.has(line.key)) return { ...update, line: undefined };
  lines.add(line.key);
  return update;
}

const isEmpty = ({ desired, isTouched, line }: MessageUpdate): boolean =>
  desired === undefined && isTouched !== true && line === undefined;

function record(into: Recorded, updates: readonly MessageUpdate[]): void {
  const { decided: all, desired } = into;
  for (const given of updates) {
    const { key } = given;
    if (given.isNew !== true && !desired.has(key)) continue;
    const update = withoutKnownLine(into, given);
    if (isEmpty(update)) continue;
    if (update.desired !== undefined) desired.set(key, update.desired);
    // What is refreshed is replaced by what is decided next.
    const older = all.findIndex(({ alertId, kind }) => alertId === key && kind === 'refresh');
    if (older >= 0) all.splice(older, 1);
    const one = decidedOf(update, desired.get(key));
    if ('kind' in one) all.push(one);
  }
}

/** The store, which remembers what its writes decided about messages. */
export function recording(store: Store): Store {
  const into: Recorded = { decided: [], desired: new Map(), lines: new Set() };
  const wrapped: Store = {
    ...store,
    applyEvaluation: async (change) => {
      const outcome = await store.applyEvaluation(change);
      if (outcome === 'applied') record(into, change.messages);
      return outcome;
    },
    recordAction: async (done) => {
      const actions = await store.recordAction(done);
      const { by, at } = actions[done.kind] ?? {};
      if (by === done.action.by && at === done.action.at) record(into, done.messages);
      return actions;
    },
    addSilence: async (made) => {
      const kept = await store.addSilence(made);
      record(into, made.messages);
      return kept;
    },
    endSilence: async (done) => {
      const kept = await store.endSilence(done);
      if (kept?.ended?.at === done.ended.at && kept.ended.by === done.ended.by) record(into, done.messages);
      return kept;
    },
  };
  recorded.set(wrapped, into);
  return wrapped;
}

/** What was decided about messages since this was called last, in order. */
export function takeDecided(store: Store): readonly Decided[] {
  const known = recorded.get(store);
  if (known === undefined) throw new Error('this store does not record');
  return known.decided.splice(0);
}
