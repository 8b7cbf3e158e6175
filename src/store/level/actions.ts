import type { AlertActions, UserAction } from '../../alerts/alert.ts';
import { hashTexts } from '../../lib/labels.ts';
import { after, before, DAY, type EpochMs, type Milliseconds, ms } from '../../lib/units.ts';
import { LEDGER_ENTRIES, type LedgerEntry } from '../../messages/ledger.ts';
import { EVIDENCE_RETENTION, KEPT_ALERTS, type Store } from '../../messages/store.ts';
import type { StoredSilence } from '../../policy/silence.ts';
import type { Operation } from './database.ts';
import { addMessages, commit, emptyBatch, type LevelContext } from './messages.ts';

/** Actions of people: acknowledged or closed alerts, and silences. */

/** A silence is remembered this long after its end. */
const SILENCE_RETENTION: Milliseconds = ms(30 * DAY);

/** The actions with one more; undefined when it changes nothing. */
function withAction(
  known: AlertActions,
  kind: keyof AlertActions,
  action: UserAction,
): AlertActions | undefined {
  if (kind !== 'unacknowledged') return known[kind] === undefined ? { ...known, [kind]: action } : undefined;
  const { acknowledged, ...others } = known;
  const isFirst = acknowledged !== undefined || known.unacknowledged === undefined;
  return isFirst ? { ...others, unacknowledged: action } : undefined;
}

export async function recordAction(
  context: LevelContext,
  { alertId, kind, action, messages }: Parameters<Store['recordAction']>[0],
): Promise<AlertActions> {
  const known = ((await context.database.get('action', alertId)) ?? {}) as AlertActions;
  const actions = withAction(known, kind, action);
  if (actions === undefined) return known;
  const batch = emptyBatch();
  batch.operations.push({ type: 'put', table: 'action', key: alertId, value: actions });
  await addMessages(context, batch, messages);
  await commit(context, batch);
  return actions;
}

/** Above this number of alerts the keys are listed first: hardly any of the ten thousand alerts of a tick has actions. */
const LISTED_FIRST_ABOVE = 16;

export async function actionsOf(
  { database }: LevelContext,
  alertIds: readonly string[],
): Promise<ReadonlyMap<string, AlertActions>> {
  const found = new Map<string, AlertActions>();
  const known = alertIds.length > LISTED_FIRST_ABOVE ? new Set(await database.keys('action')) : undefined;
  for (const alertId of new Set(alertIds)) {
    if (known?.has(alertId) === false) continue;
    const actions = (await database.get('action', alertId)) as AlertActions | undefined;
    if (actions !== undefined) found.set(alertId, actions);
  }
  return found;
}

async function allSilences({ database }: LevelContext): Promise<readonly StoredSilence[]> {
  return (await database.all('silence')).map(([, silence]) => silence as StoredSilence);
}

export async function addSilence(
  context: LevelContext,
  { silence, messages }: Parameters<Store['addSilence']>[0],
): Promise<StoredSilence> {
  const known = (await context.database.get('silence', silence.id)) as StoredSilence | undefined;
  if (known !== undefined) return known;
  const batch = emptyBatch();
  for (const old of await allSilences(context)) {
    if (after(old.endsAt, SILENCE_RETENTION) > silence.createdAt) continue;
    batch.operations.push({ type: 'del', table: 'silence', key: old.id });
  }
  batch.operations.push({ type: 'put', table: 'silence', key: silence.id, value: silence });
  await addMessages(context, batch, messages);
  await commit(context, batch);
  return silence;
}

export async function endSilence(
  context: LevelContext,
  { id, ended, messages }: Parameters<Store['endSilence']>[0],
): Promise<StoredSilence | undefined> {
  const known = (await context.database.get('silence', id)) as StoredSilence | undefined;
  if (known === undefined || known.endsAt <= ended.at) return known;
  const silence: StoredSilence = { ...known, endsAt: ended.at, ended };
  const batch = emptyBatch();
  batch.operations.push({ type: 'put', table: 'silence', key: id, value: silence });
  await addMessages(context, batch, messages);
  await commit(context, batch);
  return silence;
}

export async function silencesSince(
  context: LevelContext,
  since: EpochMs,
): Promise<readonly StoredSilence[]> {
  return (await allSilences(context))
    .filter(({ endsAt }) => endsAt > since)
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

/** Sorts by time; the hash makes the same entry the same record. */
const ledgerKey = (entry: LedgerEntry): string =>
  `${String(entry.at).padStart(15, '0')}-${hashTexts([JSON.stringify(entry)])}`;

export const appendLedger = ({ database }: LevelContext, entries: readonly LedgerEntry[]): Promise<void> =>
  database.write(
    entries.map((entry) => ({ type: 'put', table: 'ledger', key: ledgerKey(entry), value: entry })),
  );

export async function ledgerSince(
  { database }: LevelContext,
  { since }: Parameters<Store['ledger']>[0],
): Promise<readonly LedgerEntry[]> {
  const entries = (await database.all('ledger')).map(([, entry]) => entry as LedgerEntry);
  return entries
    .filter(({ at }) => at >= since)
    .slice(-LEDGER_ENTRIES)
    .toReversed();
}

/** Entries of the ledger that are too old or too many. */
export async function expiredLedger(
  { database }: LevelContext,
  until: EpochMs,
): Promise<readonly Operation[]> {
  const keys = await database.keys('ledger');
  return keys
    .filter((key, index) => index < keys.length - LEDGER_ENTRIES || Number.parseInt(key, 10) <= until)
    .map((key) => ({ type: 'del', table: 'ledger', key }) as const);
}

/** When the evidence of an alert was kept: its size is not read to find what is too old. */
interface KeptAt {
  readonly at: EpochMs;
}

async function keptTimes({ database }: LevelContext): Promise<readonly (readonly [string, KeptAt])[]> {
  const times = (await database.all('evidence-time')).map(([key, kept]) => [key, kept as KeptAt] as const);
  return times.sort(([, a], [, b]) => b.at - a.at);
}

/** Operations that delete evidence. */
const withoutEvidence = (alertId: string): readonly Operation[] =>
  (['evidence', 'evidence-time'] as const).map((table) => ({ type: 'del', table, key: alertId }));

export async function keepEvidence(
  context: LevelContext,
  { alertId, at, data }: Parameters<Store['keepEvidence']>[0],
): Promise<void> {
  const others = (await keptTimes(context)).filter(([key]) => key !== alertId);
  const isOver = ([, kept]: readonly [string, KeptAt], index: number): boolean =>
    index >= KEPT_ALERTS - 1 || after(kept.at, EVIDENCE_RETENTION) <= at;
  await context.database.write([
    ...others.filter(isOver).flatMap(([key]) => withoutEvidence(key)),
    { type: 'put', table: 'evidence', key: alertId, value: { data } },
    { type: 'put', table: 'evidence-time', key: alertId, value: { at } satisfies KeptAt },
  ]);
}

export async function keptEvidence(
  { database }: LevelContext,
  { alertId, now }: Parameters<Store['keptEvidence']>[0],
): Promise<string | undefined> {
  const kept = (await database.get('evidence-time', alertId)) as KeptAt | undefined;
  if (kept === undefined || after(kept.at, EVIDENCE_RETENTION) <= now) return undefined;
  return ((await database.get('evidence', alertId)) as { readonly data: string } | undefined)?.data;
}

/** Operations that delete the evidence that is too old. */
export async function expiredEvidence(context: LevelContext): Promise<readonly Operation[]> {
  const until = before(context.now(), EVIDENCE_RETENTION);
  return (await keptTimes(context)).flatMap(([key, { at }]) => (at <= until ? withoutEvidence(key) : []));
}

/** Actions without a message, older than a message is kept. */
export async function expiredActions(
  { database, now }: LevelContext,
  retention: Milliseconds,
): Promise<readonly Operation[]> {
  const refs = new Set([...(await database.keys('ref')), ...(await database.keys('message'))]);
  const newest = ({ acknowledged, unacknowledged, closed }: AlertActions): number =>
    Math.max(acknowledged?.at ?? 0, unacknowledged?.at ?? 0, closed?.at ?? 0);
  return (await database.all('action'))
    .filter(
      ([alertId, actions]) => !refs.has(alertId) && newest(actions as AlertActions) + retention <= now(),
    )
    .map(([key]) => ({ type: 'del', table: 'action', key }) as const);
}
