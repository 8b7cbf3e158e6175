import type { AlertActions, UserAction } from '../../alerts/alert.ts';
import { decodeRecord, encodeRecord } from '../../alerts/record-codec.ts';
import { DAY, type EpochMs } from '../../lib/units.ts';
import { LEDGER_ENTRIES, type LedgerEntry } from '../../messages/ledger.ts';
import {
  type ActionStore,
  EVIDENCE_RETENTION,
  KEPT_ALERTS,
  type MessageUpdate,
  type Store,
} from '../../messages/store.ts';
import type { StoredSilence } from '../../policy/silence.ts';
import type { StoreClient } from './connection.ts';

/** Actions of people: acknowledged or closed alerts, and silences. */

/** A silence is remembered this long after its end. */
const SILENCE_RETENTION = 30 * DAY;

interface ActionsContext {
  readonly client: StoreClient;
  readonly prefix: string;
  readonly routing: string;
  /** The arguments of one message update, as the scripts read them. */
  readonly updateArguments: (update: MessageUpdate) => readonly string[];
  /** How long the data of a message is kept, in milliseconds. */
  readonly retention: number;
}

type Text = string | null | undefined;

/** A script's answer: a list of texts, with null for what is missing. */
const textsOf = (answer: unknown): readonly Text[] => (Array.isArray(answer) ? (answer as Text[]) : []);

const read = (text: Text): unknown => (text === null || text === undefined ? undefined : decodeRecord(text));

function actionsFrom(answer: unknown): AlertActions {
  const [acknowledged, closed, unacknowledged] = textsOf(answer).map(
    (text) => read(text) as UserAction | undefined,
  );
  return { acknowledged, unacknowledged, closed };
}

/** A silence, and its early end if it has one: both are written once and never changed. */
function silenceFrom([made, early]: readonly Text[]): StoredSilence | undefined {
  const silence = read(made) as StoredSilence | undefined;
  const ended = read(early) as UserAction | undefined;
  return silence === undefined || ended === undefined ? silence : { ...silence, endsAt: ended.at, ended };
}

/** The store's operations on actions and silences. */
export function createActions(context: ActionsContext): ActionStore {
  const { client, prefix, routing, updateArguments, retention } = context;
  return {
    async recordAction({ alertId, kind, action, messages }) {
      const args = [
        alertId,
        kind,
        encodeRecord(action),
        String(retention),
        ...messages.flatMap(updateArguments),
      ];
      return actionsFrom(await client.storeRecordAction(routing, prefix, ...args));
    },
    async actions(alertIds) {
      const wanted = [...new Set(alertIds)];
      if (wanted.length === 0) return new Map();
      const answers = (await client.storeActions(routing, prefix, ...wanted)) as unknown[];
      const found = wanted.map((alertId, i) => [alertId, actionsFrom(answers[i])] as const);
      return new Map(
        found.filter(([, actions]) => Object.values(actions).some((action) => action !== undefined)),
      );
    },
    async addSilence({ silence, messages }) {
      const forgetUntil = String(silence.createdAt - SILENCE_RETENTION);
      const args = [silence.id, encodeRecord(silence), String(silence.endsAt), forgetUntil];
      const answer = await client.storeAddSilence(
        routing,
        prefix,
        ...args,
        ...messages.flatMap(updateArguments),
      );
      return silenceFrom(textsOf(answer)) ?? silence;
    },
    async endSilence({ id, ended, messages }) {
      const args = [id, String(ended.at), encodeRecord(ended), ...messages.flatMap(updateArguments)];
      return silenceFrom(textsOf(await client.storeEndSilence(routing, prefix, ...args)));
    },
    silences: (since) => silencesSince(context, since),
    ...createRecords(context),
  };
}

/** The store's operations on what is kept for later: the ledger, and the evidence of alerts. */
function createRecords({
  client,
  prefix,
  routing,
  retention,
}: ActionsContext): Pick<Store, 'appendLedger' | 'ledger' | 'keepEvidence' | 'keptEvidence'> {
  return {
    async appendLedger(entries) {
      const newest = Math.max(...entries.map(({ at }) => at));
      const records = entries.flatMap((entry) => [String(entry.at), encodeRecord(entry)]);
      await client.storeAppendLedger(
        routing,
        prefix,
        String(newest - retention),
        String(LEDGER_ENTRIES),
        ...records,
      );
    },
    async keepEvidence({ alertId, at, data }) {
      const args = [alertId, `${at} ${data}`, String(at), String(EVIDENCE_RETENTION), String(KEPT_ALERTS)];
      await client.storeKeepEvidence(routing, prefix, ...args);
    },
    async keptEvidence({ alertId, now }) {
      const kept = (await client.get(`${prefix}evidence:${alertId}`)) ?? '';
      const end = kept.indexOf(' ');
      return Number(kept.slice(0, end)) + EVIDENCE_RETENTION > now ? kept.slice(end + 1) : undefined;
    },
    async ledger({ since }) {
      const texts = textsOf(await client.storeLedger(routing, prefix, String(since)));
      return texts.map((text) => read(text) as LedgerEntry);
    },
  };
}

async function silencesSince({ client, prefix, routing }: ActionsContext, since: EpochMs) {
  const texts = textsOf(await client.storeSilences(routing, prefix, String(since)));
  const silences: StoredSilence[] = [];
  for (let i = 0; i < texts.length; i += 2) {
    const silence = silenceFrom(texts.slice(i, i + 2));
    if (silence !== undefined) silences.push(silence);
  }
  return silences.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}
