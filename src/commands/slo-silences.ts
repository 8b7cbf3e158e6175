import type { MaintenanceRow, SilenceRow } from '../actions/silences.ts';
import type { Phrase } from '../lib/format.ts';
import { type Matcher, matchersText } from '../lib/matcher.ts';
import { nearest } from '../lib/nearest.ts';
import type { EpochMs } from '../lib/units.ts';
import { suppressedSentence } from '../messages/silence-messages.ts';
import type { Silence } from '../policy/silence.ts';
import { type AnswerLine, linesAnswer } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { alertNames, MAX_ROWS, unquoted } from './slo-alert-actions.ts';

/** `/slo silences`. */
export interface SilencesCommand {
  readonly kind: 'silences';
}

/** `/slo unsilence`. */
export interface UnsilenceCommand {
  readonly kind: 'unsilence';
  readonly id: string;
}

export const sloSilences: CommandForm<SilencesCommand> = {
  slash: '/slo',
  kind: 'silences',
  keywords: ['silences'],
  usage: 'silences',
  summary: 'Silences and maintenance windows: active, planned, and ended within a day',
  system: 'store',
  parse: ({ text }) =>
    text === ''
      ? { command: { kind: 'silences' }, share: false }
      : { problem: '/slo silences takes no arguments.', fixed: '' },
  run: async ({ now }, deps) => ({ answer: await listSilences(deps, now) }),
};

export const sloUnsilence: CommandForm<UnsilenceCommand> = {
  slash: '/slo',
  kind: 'unsilence',
  keywords: ['unsilence', 'unmute'],
  needs: 'silence',
  usage: 'unsilence <id>',
  summary: 'Ends a silence, as the Unsilence button does',
  system: 'store',
  parse: parseUnsilence,
  run: unsilence,
};

/** Matchers as a person reads them. */
export const matchersCode = (matchers: readonly Matcher[]) => ({
  code: matchers.length === 0 ? 'everything' : matchersText(matchers),
});

export const unsilenceButton = (id: string) => ({ label: 'Unsilence', command: `/slo unsilence ${id}` });

async function listSilences({ silences }: CommandDeps, now: EpochMs) {
  const rows = await silences.list(now);
  const maintenance = await silences.maintenance(now);
  const lines = [
    ...rows.filter(({ silence }) => silence.endsAt > now).map((row) => silenceLine(row, now)),
    ...maintenance.map((row) => ({ phrase: maintenancePhrase(row, now) })),
    ...rows.filter(({ silence }) => silence.endsAt <= now).map((row) => silenceLine(row, now)),
  ];
  if (lines.length === 0) return linesAnswer(['No active silences.']);
  const hidden = lines.length - MAX_ROWS;
  return linesAnswer(...lines.slice(0, MAX_ROWS), ...(hidden > 0 ? [[`and ${hidden} more`]] : []));
}

/** The active silences as lines, those that silence the most alerts first. */
export async function activeSilences(
  { silences }: Pick<CommandDeps, 'silences'>,
  now: EpochMs,
): Promise<readonly Phrase[]> {
  return (await silences.list(now))
    .filter(({ silence: { startsAt = now, endsAt } }) => startsAt <= now && endsAt > now)
    .toSorted((a, b) => b.alerts - a.alerts)
    .map((row) => silenceLine(row, now).phrase);
}

/** From when to when something is silenced. */
function timesOf({ startsAt, endsAt }: Pick<Silence, 'startsAt' | 'endsAt'>, now: EpochMs): Phrase {
  const isAhead = startsAt !== undefined && startsAt > now;
  return [...(isAhead ? ['from ', { at: startsAt }, ' '] : []), 'until ', { at: endsAt }];
}

const NOT_STARTED = 'Not started.';
const silencedNow = (alerts: number): string => `${alerts} ${alerts === 1 ? 'alert' : 'alerts'} silenced.`;

function silenceLine({ silence, alerts }: SilenceRow, now: EpochMs): AnswerLine {
  const { matchers, createdBy, startsAt = now, endsAt } = silence;
  const creator = 'id' in silence ? { person: createdBy } : `${createdBy} (rule file)`;
  if (endsAt <= now) {
    const early = 'id' in silence ? silence.ended : undefined;
    const who: Phrase = early === undefined ? [', created by ', creator] : [' by ', { person: early.by }];
    return { phrase: [matchersCode(matchers), ': ended ', { at: endsAt }, ...who, whyOf(silence)] };
  }
  const effect = startsAt > now ? NOT_STARTED : silencedNow(alerts);
  return {
    phrase: [
      matchersCode(matchers),
      ' ',
      ...timesOf(silence, now),
      ', by ',
      creator,
      `${whyOf(silence)}. ${effect}`,
      ...('id' in silence ? [' Id ', { code: silence.id }] : []),
    ],
    button: 'id' in silence ? unsilenceButton(silence.id) : undefined,
  };
}

const whyOf = ({ comment = '' }: { readonly comment?: string }): string =>
  comment === '' ? '' : `: ${comment}`;

/** A recurring window has no end to show: its time intervals decide. */
function maintenancePhrase({ window, isActive, alerts }: MaintenanceRow, now: EpochMs): Phrase {
  const { name, matchers, once } = window;
  const isOnce = once !== undefined && once.endsAt > now;
  return [
    `Maintenance ${name} (rule file): `,
    matchersCode(matchers),
    ...(isOnce ? [' ', ...timesOf(once, now)] : [', by its time intervals']),
    `${whyOf(window)}. ${isActive ? silencedNow(alerts) : NOT_STARTED}`,
  ];
}

function parseUnsilence({ text }: CommandInput): Parsed<UnsilenceCommand> {
  const id = unquoted(text).toLowerCase();
  return /^[0-9a-f]{8}$/.test(id)
    ? { command: { kind: 'unsilence', id }, share: false }
    : { problem: 'Specify a silence by its id of eight digits. /slo silences lists them.' };
}

async function unsilence(
  { command: { id }, by, now }: CommandRequest<UnsilenceCommand>,
  { silences }: CommandDeps,
): Promise<Reply<UnsilenceCommand>> {
  const ended = await silences.unsilence({ id, by, now });
  switch (ended.kind) {
    case 'unknown': {
      const [near] = nearest(id, ended.ids);
      return {
        answer: {
          kind: 'usage',
          problem: `No silence has the id ${id}. /slo silences lists them.`,
          usage: [`/slo ${sloUnsilence.usage}`],
          suggestion: near === undefined ? undefined : `/slo unsilence ${near}`,
        },
      };
    }
    case 'already-ended': {
      const { endsAt, ended: early } = ended.silence;
      const who: Phrase = early === undefined ? [] : [' by ', { person: early.by }];
      return { answer: linesAnswer(['This silence already ended ', { at: endsAt }, ...who, '.']) };
    }
    case 'ended': {
      const { silence, alerts, suppressed } = ended;
      const next =
        alerts.length === 0
          ? ''
          : ` Alerts that still fire are notified at the next evaluation: ${alertNames(alerts)}.`;
      const effect = `${suppressedSentence(suppressed)}${next}`;
      return { answer: linesAnswer(['Silence ended: ', matchersCode(silence.matchers), '. ', effect]) };
    }
  }
}
