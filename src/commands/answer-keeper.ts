import type { ActiveAlert } from '../actions/active-alerts.ts';
import type { ActionOutcome, ActionRequest, KeepAlerts } from '../actions/alert-actions.ts';
import type { KeepSilences, MaintenanceRow, SilenceMade, SilenceRow } from '../actions/silences.ts';
import type { Alert } from '../alerts/alert.ts';
import { matchersText } from '../lib/matcher.ts';
import { nearest } from '../lib/nearest.ts';
import type { Phrase } from '../lib/phrase.ts';
import type { EpochMs } from '../lib/units.ts';
import { namespaceOf, serviceOf } from '../messages/alert-subject.ts';
import type { Silence } from '../policy/silence.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import type { Answer } from './answer.ts';
import type { Asker, KeeperCommand, Meant } from './keeper-command.ts';
import { meantMatchers } from './meant-matchers.ts';
import { USAGE } from './usage.ts';

/** What doing what a person asks needs. */
export interface AnswerKeeperOptions {
  readonly alerts: KeepAlerts;
  readonly silences: KeepSilences;
  readonly ruleSet: () => RuleSet;
}

/** Does what a person asks about alerts, and says what came of it. Throws `UpstreamError` when the store does not answer. */
export type AnswerKeeper = (command: KeeperCommand, asker: Asker) => Promise<Answer>;

type Line = Extract<Answer, { kind: 'said' }>['lines'][number];

const said = (...lines: readonly (Line | Phrase)[]): Answer => ({
  kind: 'said',
  lines: lines.map((line) => ('phrase' in line ? line : { phrase: line })),
});

const usage = (problem: string, suggestion?: string): Answer => ({
  kind: 'usage',
  problem,
  usage: USAGE['/slo'],
  suggestion,
});

/** Does it: silences, acknowledgements and ends. */
export function createAnswerKeeper(options: AnswerKeeperOptions): AnswerKeeper {
  return async (command, asker) => {
    switch (command.kind) {
      case 'silence':
        return await answerSilence(options, command, asker);
      case 'silences':
        return await answerList(options.silences, asker.now);
      case 'unsilence':
        return await answerUnsilence(options, command.id, asker);
      case 'acknowledge':
        return await onAlerts(options, command.what, (alertId) =>
          options.alerts.acknowledge({ alertId, ...requestOf(asker) }),
        );
      case 'end':
        return await onAlerts(options, command.what, (alertId) =>
          options.alerts.end({ alertId, ...requestOf(asker), comment: command.comment }),
        );
    }
  };
}

const requestOf = ({ by, now }: Asker): Omit<ActionRequest, 'alertId'> => ({ by, now });

async function answerSilence(
  { silences, alerts, ruleSet }: AnswerKeeperOptions,
  { meant, lasts, comment }: Extract<KeeperCommand, { kind: 'silence' }>,
  { by, now, key }: Asker,
): Promise<Answer> {
  const known = await alerts.firing();
  const read = meantMatchers(meant, { ruleSet: ruleSet(), known });
  if (!read.ok) return usage(severalLabels(read.labels, meant));
  const { matchers } = read;
  const made = await silences.silence({
    matchers,
    lasts,
    comment,
    by,
    now,
    key,
  });
  return said(...silencedLines(made));
}

const severalLabels = (labels: readonly string[], { services: [service = 'checkout'] }: Meant): string =>
  `Several labels name services here: say which one, as in ${labels.map((label) => `${label}="${service}"`).join(' or ')}.`;

const MOST_NAMED = 10;

/** Alerts by name, as many as a person reads. */
function namesOf(alerts: readonly Alert[]): string {
  const names = alerts.slice(0, MOST_NAMED).map(nameOf);
  const rest = alerts.length - names.length;
  return `${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** An alert's name, and what tells it from others of its rule. */
function nameOf({ labels, series }: Alert): string {
  const subject = Object.values(series).join(' ');
  return `${labels['alertname'] ?? ''}${subject === '' ? '' : ` (${subject})`}`;
}

const matchersOf = (matchers: SilenceMade['silence']['matchers']): string =>
  matchers.length === 0 ? 'everything' : matchersText(matchers);

function silencedLines({ silence, alerts }: SilenceMade): readonly Line[] {
  const { id, matchers, endsAt } = silence;
  const head: Phrase = ['Silenced until ', { at: endsAt }, ': ', { code: matchersOf(matchers) }, '.'];
  const now: Phrase =
    alerts.length === 0
      ? [
          'No alert that fires carries it now. What comes is held back; if you expected one, check the spelling.',
        ]
      : [
          `It holds back ${alerts.length === 1 ? '1 alert' : `${alerts.length} alerts`} now: ${namesOf(alerts)}.`,
        ];
  return [{ phrase: head, button: { label: 'Unsilence', command: `/slo unsilence ${id}` } }, { phrase: now }];
}

async function answerUnsilence({ silences }: AnswerKeeperOptions, id: string, asker: Asker): Promise<Answer> {
  const ended = await silences.unsilence({ id, ...requestOf(asker) });
  switch (ended.kind) {
    case 'unknown': {
      const [near] = nearest(id, ended.ids);
      return usage(
        `No silence has the id ${id}: /slo silences lists them.`,
        near === undefined ? undefined : `/slo unsilence ${near}`,
      );
    }
    case 'over': {
      const { endsAt, ended: early } = ended.silence;
      const who: Phrase = early === undefined ? [] : [', by ', { person: early.by }];
      return said(['That silence is over since ', { at: endsAt }, ...who, '.']);
    }
    case 'ended':
      return said([
        'Ended: ',
        { code: matchersOf(ended.silence.matchers) },
        ended.alerts.length === 0
          ? '. It held nothing back.'
          : `. What still breaches is notified again with the next evaluation: ${namesOf(ended.alerts)}.`,
      ]);
  }
}

/** Rows of a list that fit into one message. */
const MOST_ROWS = 20;

async function answerList(silences: KeepSilences, now: EpochMs): Promise<Answer> {
  const rows = await silences.list(now);
  const work = await silences.maintenance(now);
  if (rows.length + work.length === 0) return said(['Nothing is silenced.']);
  const running = rows.filter(({ silence }) => silence.endsAt > now);
  const over = rows.filter((row) => !running.includes(row));
  const lines = [
    ...running.map((row) => rowLine(row, now)),
    ...work.map((row) => ({ phrase: maintenancePhrase(row, now) })),
    ...over.map((row) => rowLine(row, now)),
  ];
  const hidden = lines.length - MOST_ROWS;
  const more: readonly Phrase[] = hidden > 0 ? [[`and ${hidden} more that did not fit`]] : [];
  return said(...lines.slice(0, MOST_ROWS), ...more);
}

/** Between which times something holds, or held. */
function timesOf({ startsAt, endsAt }: Pick<Silence, 'startsAt' | 'endsAt'>, now: EpochMs): Phrase {
  if (endsAt <= now) return [' was over at ', { at: endsAt }];
  const isAhead = startsAt !== undefined && startsAt > now;
  return [...(isAhead ? [' from ', { at: startsAt }] : []), ' until ', { at: endsAt }];
}

/** What a silence does now. */
function effectOf({ silence: { startsAt, endsAt }, alerts }: SilenceRow, now: EpochMs): string {
  if (endsAt <= now) return '.';
  return (startsAt ?? now) > now ? '. Not begun yet.' : `. Holds back ${alerts} now.`;
}

function rowLine(row: SilenceRow, now: EpochMs): Line {
  const { silence } = row;
  const { matchers, createdBy, comment } = silence;
  const stored = 'id' in silence ? silence : undefined;
  const early = stored?.ended;
  const phrase: Phrase = [
    { code: matchersOf(matchers) },
    ...timesOf(silence, now),
    ...(early === undefined ? [] : [', ended by ', { person: early.by }]),
    ', by ',
    ...(stored === undefined ? [`${createdBy} (in the rule file)`] : [{ person: createdBy }]),
    comment === '' ? '' : `: ${comment}`,
    effectOf(row, now),
    ...(stored === undefined ? [] : [' Id ', { code: stored.id }]),
  ];
  return stored !== undefined && stored.endsAt > now
    ? { phrase, button: { label: 'Unsilence', command: `/slo unsilence ${stored.id}` } }
    : { phrase };
}

/** Recurring work has no end that could be notified: it is on now, by its intervals. */
function maintenancePhrase({ window, goesOn, alerts }: MaintenanceRow, now: EpochMs): Phrase {
  const { name, matchers, once, comment = '' } = window;
  const isOnce = once !== undefined && once.endsAt > now;
  return [
    `Maintenance ${name} (in the rule file): `,
    { code: matchersOf(matchers) },
    ...(isOnce ? timesOf(once, now) : [', by its time intervals']),
    comment === '' ? '' : `: ${comment}`,
    goesOn ? `. Holds back ${alerts} now.` : '. Not begun yet.',
  ];
}

/** The names by which people mean an alert. */
function spokenNames({ alert, rule }: ActiveAlert): readonly string[] {
  const service = serviceOf(alert, rule);
  const namespace = namespaceOf(alert);
  const services = service === undefined ? [] : [service];
  const full = service === undefined || namespace === undefined ? [] : [`${service}.${namespace}`];
  return [rule.name, ...services, ...full, ...services.map((each) => `${rule.name} ${each}`)];
}

/** One run of one alert, as the buttons of its message mean it. */
const EPISODE = /^[0-9a-f]{16}-\d+$/;

/** Does the same with every firing alert of a name, and says of each what came of it. */
async function onAlerts(
  { alerts }: AnswerKeeperOptions,
  what: string,
  act: (alertId: string) => Promise<ActionOutcome>,
): Promise<Answer> {
  if (EPISODE.test(what)) return said(outcomePhrase(await act(what)));
  const firing = await alerts.firing();
  const wanted = what.toLowerCase();
  const meant = firing.filter((each) => spokenNames(each).some((name) => name.toLowerCase() === wanted));
  if (meant.length === 0) {
    const [near] = nearest(what, [...new Set(firing.flatMap((each) => spokenNames(each)))]);
    const hint = near === undefined ? '' : ` Did you mean ${near}?`;
    return said([
      firing.length === 0 ? 'Nothing fires now.' : `No alert that fires is called ${what}.${hint}`,
    ]);
  }
  const lines: Phrase[] = [];
  for (const { alert } of meant) lines.push(outcomePhrase(await act(alert.alertId)));
  const hidden = lines.length - MOST_ROWS;
  const more: readonly Phrase[] =
    hidden > 0 ? [[`and ${hidden} more, dealt with alike, that did not fit`]] : [];
  return said(...lines.slice(0, MOST_ROWS), ...more);
}

/** What came of an act, as a sentence. */
function outcomePhrase(outcome: ActionOutcome): Phrase {
  if (outcome.kind === 'unknown') return ['That alert is not known any more.'];
  const name = nameOf(outcome.alert);
  switch (outcome.kind) {
    case 'done':
    case 'already': {
      const { by, at } = outcome.act;
      const did = outcome.alert.closed === undefined ? 'acknowledged' : 'ended';
      const verb = outcome.kind === 'done' ? `is ${did} by ` : `was ${did} before, by `;
      return [`${name} ${verb}`, { person: by }, ' at ', { at }, '.'];
    }
    case 'over':
      return [`${name} is over already.`];
    case 'pending':
      return [`${name} only began to breach: nobody was notified of it yet.`];
    case 'has-data':
      return [
        `${name} has data, and the data says that it still breaches: it ends by itself when it recovers.`,
      ];
  }
}
