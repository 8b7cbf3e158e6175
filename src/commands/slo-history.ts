import type { Phrase } from '../lib/format.ts';
import { before, DAY, type Milliseconds, ms } from '../lib/units.ts';
import { type LedgerEntry, ledgerText } from '../messages/ledger.ts';
import { linesAnswer } from './answer.ts';
import type { CommandForm } from './command.ts';
import { MAX_ROWS, unquoted } from './slo-alert-actions.ts';

/** `/slo history`. */
export interface HistoryCommand {
  readonly kind: 'history';
  /** Only entries about this service; absent: all. */
  readonly service?: string;
}

const LOOK_BACK: Milliseconds = ms(90 * DAY);

export const sloHistory: CommandForm<HistoryCommand> = {
  slash: '/slo',
  kind: 'history',
  keywords: ['history'],
  usage: 'history [service]',
  summary: 'What was posted, ended, silenced, acknowledged and reloaded, and by whom, the newest first',
  system: 'store',
  parse: ({ text }) => {
    const service = unquoted(text);
    return { command: { kind: 'history', service: service === '' ? undefined : service }, share: false };
  },
  run: async ({ command: { service }, now }, deps) => {
    const entries = (await deps.ledger({ since: before(now, LOOK_BACK) })).filter(
      (entry) => service === undefined || isAbout(entry, service),
    );
    if (entries.length === 0)
      return {
        answer: linesAnswer([`Nothing is recorded${service === undefined ? '' : ` about ${service}`}.`]),
      };
    const hidden = entries.length - MAX_ROWS;
    const more: readonly Phrase[] =
      hidden > 0 ? [[`and ${hidden} more. tailwatch ledger prints all of them.`]] : [];
    return { answer: linesAnswer(...entries.slice(0, MAX_ROWS).map(phraseOf), ...more) };
  },
};

/** Whether an entry names a service, with its namespace or without. */
export function isAbout({ service, what }: LedgerEntry, wanted: string): boolean {
  const name = wanted.toLowerCase();
  return (
    service?.toLowerCase() === name ||
    what
      .toLowerCase()
      .split(/[^\w.-]+/u)
      .includes(name)
  );
}

const phraseOf = (entry: LedgerEntry): Phrase => [
  { at: entry.at },
  ` ${ledgerText(entry)}`,
  ...(entry.by === undefined ? [] : [' by ', { person: entry.by }]),
  ...(entry.permalink === undefined ? [] : [' ', { text: 'message', url: entry.permalink }]),
];
