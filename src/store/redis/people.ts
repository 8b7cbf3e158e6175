import type { AlertActions, UserAction } from '../../alerts/alert.ts';
import { decodeRecord, encodeRecord } from '../../alerts/record-codec.ts';
import { DAY, type EpochMs } from '../../lib/units.ts';
import type { OutboxEntry, Store } from '../../messages/store.ts';
import type { StoredSilence } from '../../policy/silence.ts';
import type { StoreClient } from './connection.ts';

/** What people did about alerts: their actions and their silences. */

/** A silence is remembered so long after its end. */
const SILENCE_RETENTION = 30 * DAY;

interface Parts {
  readonly client: StoreClient;
  readonly prefix: string;
  readonly routing: string;
  /** The arguments of one entry, as the scripts read them. */
  readonly entryArguments: (entry: OutboxEntry) => readonly string[];
  /** How long what belongs to a message is kept, in milliseconds. */
  readonly retention: number;
}

type Text = string | null | undefined;

/** The lists of texts that a script answers with; what is missing is null. */
const textsOf = (answer: unknown): readonly Text[] => (Array.isArray(answer) ? (answer as Text[]) : []);

const read = (text: Text): unknown => (text === null || text === undefined ? undefined : decodeRecord(text));

function actionsFrom(answer: unknown): AlertActions {
  const [acknowledged, closed] = textsOf(answer).map((text) => read(text) as UserAction | undefined);
  return {
    acknowledged,
    closed,
  };
}

/** A silence, with its early end when it had one: both are written once and never changed. */
function silenceFrom(made: Text, early: Text): StoredSilence | undefined {
  const silence = read(made) as StoredSilence | undefined;
  const ended = read(early) as UserAction | undefined;
  if (silence === undefined || ended === undefined) return silence;
  return { ...silence, endsAt: ended.at, ended };
}

/** The store's operations on what people did. */
export function createPeople(
  parts: Parts,
): Pick<Store, 'recordAction' | 'actions' | 'addSilence' | 'endSilence' | 'silences'> {
  const { client, prefix, routing, entryArguments, retention } = parts;
  return {
    async recordAction({ alertId, kind, act, entries }) {
      const args = [alertId, kind, encodeRecord(act), String(retention)];
      return actionsFrom(
        await client.storeRecordAct(routing, prefix, ...args, ...entries.flatMap(entryArguments)),
      );
    },
    async actions(alertIds) {
      const asked = [...new Set(alertIds)];
      if (asked.length === 0) return new Map();
      const answers: unknown = await client.storeActions(routing, prefix, ...asked);
      const found = asked.map((alertId, i) => [alertId, actionsFrom((answers as unknown[])[i])] as const);
      return new Map(found.filter(([, actions]) => Object.keys(actions).length > 0));
    },
    async addSilence({ silence, entries }) {
      const forgotten = silence.createdAt - SILENCE_RETENTION;
      const args = [silence.id, encodeRecord(silence), String(silence.endsAt), String(forgotten)];
      const answer = await client.storeAddSilence(
        routing,
        prefix,
        ...args,
        ...entries.flatMap(entryArguments),
      );
      const [made, early] = textsOf(answer);
      return silenceFrom(made, early) ?? silence;
    },
    async endSilence({ id, ended, entries }) {
      const args = [id, String(ended.at), encodeRecord(ended)];
      const answer = await client.storeEndSilence(
        routing,
        prefix,
        ...args,
        ...entries.flatMap(entryArguments),
      );
      const [made, early] = textsOf(answer);
      return silenceFrom(made, early);
    },
    silences: (since) => silencesSince(parts, since),
  };
}

async function silencesSince({ client, prefix, routing }: Parts, since: EpochMs) {
  const texts = textsOf(await client.storeSilences(routing, prefix, String(since)));
  const silences: StoredSilence[] = [];
  for (let i = 0; i < texts.length; i += 2) {
    const silence = silenceFrom(texts[i], texts[i + 1]);
    if (silence !== undefined) silences.push(silence);
  }
  return silences.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}
