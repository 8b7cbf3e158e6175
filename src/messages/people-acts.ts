import { withActs } from '../alerts/acts.ts';
import type { Acts, Alert, GroupState, RuleState } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import { unsuppressed } from '../policy/suppress.ts';
import type { OutboxEntry, Store, StormShown } from './store.ts';

/** Where acts and states are read from. */
export type ActsStore = Pick<Store, 'loadGroup' | 'acts'>;

/**
 * What people did about some episodes. A record that cannot be read counts as not there: the alert is told as if nobody
 * had touched it, which is a message too many and never one too few. A store that does not answer is an error as ever.
 */
async function readActs(
  store: Pick<Store, 'acts'>,
  episodes: readonly string[],
): Promise<ReadonlyMap<string, Acts>> {
  if (episodes.length === 0) return new Map();
  try {
    return await store.acts(episodes);
  } catch (error) {
    if (error instanceof UpstreamError && error.code === 'bad-answer') return new Map();
    throw error;
  }
}

/**
 * An entry with what people did about its alert until now, whatever was known when it was decided. An `act` shows the
 * alert as the last evaluation left it: it was decided between two of them.
 */
export async function asItStands<Entry extends OutboxEntry>(store: ActsStore, entry: Entry): Promise<Entry> {
  if (entry.storm !== undefined) return await stormAsItStands(store, entry, entry.storm);
  const latest = entry.kind === 'act' ? await latestOf(store, entry) : entry;
  const acts = (await readActs(store, [entry.alert.episode])).get(entry.alert.episode);
  return acts === undefined ? latest : { ...latest, alert: withActs(latest.alert, acts) };
}

/** The same for many alerts that share a message. The next evaluation brings what else is new. */
async function stormAsItStands<Entry extends OutboxEntry>(
  store: ActsStore,
  entry: Entry,
  storm: StormShown,
): Promise<Entry> {
  const acts = await readActs(
    store,
    storm.rows.map(({ episode }) => episode),
  );
  const rows = storm.rows.map((row) => {
    const acknowledged = acts.get(row.episode)?.acknowledged;
    return acknowledged === undefined ? row : { ...row, acknowledged };
  });
  return { ...entry, storm: { ...storm, rows } };
}

async function latestOf<Entry extends OutboxEntry>(store: ActsStore, entry: Entry): Promise<Entry> {
  const state = await store.loadGroup(entry.group);
  if (state === undefined || state.slot <= entry.createdAt) return entry;
  const alert = Object.values(state.rules)
    .flatMap(({ alerts }) => alerts)
    .find(({ episode }) => episode === entry.alert.episode);
  return alert === undefined ? entry : { ...entry, alert: withSilence(alert, entry), createdAt: state.slot };
}

/** An evaluation that was under way when a silence began or ended knows nothing of that: the act is the newer word. */
function withSilence(alert: Alert, { told, alert: decided }: OutboxEntry): Alert {
  if (told?.what === 'silenced' && alert.suppressed === undefined && decided.suppressed !== undefined)
    return alert.state === 'resolved' ? alert : { ...alert, suppressed: decided.suppressed };
  if (told?.what !== 'unsilenced' || alert.suppressed?.silence?.id !== told.id) return alert;
  return unsuppressed(alert);
}

/** Alerts that a person can have acted on: what only began to breach has been shown to nobody. */
const episodesOf = (state: GroupState): readonly string[] =>
  Object.values(state.rules).flatMap(({ alerts }) =>
    alerts.filter(({ firedAt }) => firedAt !== undefined).map(({ episode }) => episode),
  );

/** A group's state with what people did about its alerts. */
export async function loadWithActs(store: ActsStore, group: string): Promise<GroupState | undefined> {
  const state = await store.loadGroup(group);
  if (state === undefined) return undefined;
  const acts = await readActs(store, episodesOf(state));
  if (acts.size === 0) return state;
  const rules = Object.entries(state.rules).map(([key, rule]): [string, RuleState] => [
    key,
    { ...rule, alerts: rule.alerts.map((alert) => withActs(alert, acts.get(alert.episode))) },
  ]);
  return { ...state, rules: Object.fromEntries(rules) };
}
