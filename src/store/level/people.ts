import type { AlertActions } from '../../alerts/alert.ts';
import { after, DAY, type EpochMs, type Milliseconds, ms } from '../../lib/units.ts';
import type { Store } from '../../messages/store.ts';
import type { StoredSilence } from '../../policy/silence.ts';
import type { Operation } from './database.ts';
import { commit, draftEntries, emptyDraft, type Parts } from './draft.ts';

/** What people did about alerts: their actions and their silences. */

/** A silence is remembered so long after its end. */
const SILENCE_RETENTION: Milliseconds = ms(30 * DAY);

export async function recordAction(
  parts: Parts,
  { alertId, kind, act, entries }: Parameters<Store['recordAction']>[0],
): Promise<AlertActions> {
  const known = ((await parts.database.get('act', alertId)) ?? {}) as AlertActions;
  if (known[kind] !== undefined) return known;
  const actions: AlertActions = { ...known, [kind]: act };
  const draft = emptyDraft();
  draft.operations.push({ type: 'put', table: 'act', key: alertId, value: actions });
  draftEntries(parts, draft, entries);
  await commit(parts, draft);
  return actions;
}

/** From here on it is looked first which have actions at all: of the ten thousand alerts of a tick hardly any has. */
const FEW_EPISODES = 16;

export async function actionsOf(
  { database }: Parts,
  alertIds: readonly string[],
): Promise<ReadonlyMap<string, AlertActions>> {
  const found = new Map<string, AlertActions>();
  const isMany = alertIds.length > FEW_EPISODES;
  const known = isMany ? new Set(await database.keys('act')) : undefined;
  for (const alertId of new Set(alertIds)) {
    if (known?.has(alertId) === false) continue;
    const actions = (await database.get('act', alertId)) as AlertActions | undefined;
    if (actions !== undefined) found.set(alertId, actions);
  }
  return found;
}

async function allSilences({ database }: Parts): Promise<readonly StoredSilence[]> {
  return (await database.all('silence')).map(([, silence]) => silence as StoredSilence);
}

export async function addSilence(
  parts: Parts,
  { silence, entries }: Parameters<Store['addSilence']>[0],
): Promise<StoredSilence> {
  const known = (await parts.database.get('silence', silence.id)) as StoredSilence | undefined;
  if (known !== undefined) return known;
  const draft = emptyDraft();
  for (const old of await allSilences(parts)) {
    if (after(old.endsAt, SILENCE_RETENTION) > silence.createdAt) continue;
    draft.operations.push({ type: 'del', table: 'silence', key: old.id });
  }
  draft.operations.push({ type: 'put', table: 'silence', key: silence.id, value: silence });
  draftEntries(parts, draft, entries);
  await commit(parts, draft);
  return silence;
}

export async function endSilence(
  parts: Parts,
  { id, ended, entries }: Parameters<Store['endSilence']>[0],
): Promise<StoredSilence | undefined> {
  const known = (await parts.database.get('silence', id)) as StoredSilence | undefined;
  if (known === undefined || known.endsAt <= ended.at) return known;
  const silence: StoredSilence = { ...known, endsAt: ended.at, ended };
  const draft = emptyDraft();
  draft.operations.push({ type: 'put', table: 'silence', key: id, value: silence });
  draftEntries(parts, draft, entries);
  await commit(parts, draft);
  return silence;
}

export async function silencesSince(parts: Parts, since: EpochMs): Promise<readonly StoredSilence[]> {
  return (await allSilences(parts))
    .filter(({ endsAt }) => endsAt > since)
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

/** AlertActions whose message is forgotten, and that are as old as a message is kept themselves. */
export async function forgettableActions(
  parts: Parts,
  retention: Milliseconds,
): Promise<readonly Operation[]> {
  const { database, now } = parts;
  const refs = new Set(await database.keys('ref'));
  const newest = ({ acknowledged, closed }: AlertActions): number =>
    Math.max(acknowledged?.at ?? 0, closed?.at ?? 0);
  return (await database.all('act'))
    .filter(
      ([alertId, actions]) => !refs.has(alertId) && newest(actions as AlertActions) + retention <= now(),
    )
    .map(([key]) => ({ type: 'del', table: 'act', key }) as const);
}
