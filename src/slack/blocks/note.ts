import type { Alert, ResolveReason } from '../../alerts/alert.ts';
import { count, type Phrase, timeSpan } from '../../lib/format.ts';
import { between, type EpochMs } from '../../lib/units.ts';
import { firedAtOf, isRecovery, noDataReasonText } from '../../messages/alert-subject.ts';
import { NO_EVIDENCE } from '../../messages/evidence.ts';
import type { ThreadNote } from '../../messages/notifier.ts';
import type { AlertGroupSnapshot, SilenceUpdate } from '../../messages/store.ts';
import { actionButtons } from './alert-actions.ts';
import { headlineText, recoveredText } from './alert-facts.ts';
import { groupEnding, isRecovered, isWell } from './alert-group.ts';
import { actions, type Rendered, section } from './block-kit.ts';
import { noDataEnd } from './format.ts';
import { date, mentionLine, phraseText } from './mrkdwn.ts';
import { silenceEnd } from './silence.ts';

const SIGNS: Readonly<Record<ThreadNote['kind'], string>> = {
  'no-data': '⚪',
  'data-back': '🔵',
  silence: '🔕',
  reminder: '⏰',
  unacknowledged: '↩️',
  flapping: '🔁',
  stable: '🟢',
  resolved: '✅',
  frozen: '⚠️',
  culprit: '🔎',
};

const UNKNOWN = 'The state of the service is unknown.';

const ENDINGS: Readonly<Record<ResolveReason, string>> = {
  recovered: 'Resolved: recovered.',
  'no-longer-breaching': 'Resolved: no longer breaching.',
  'no-longer-returned':
    'Ended: the expression no longer returns this alert. It may have recovered, or its data may be missing.',
  'rule-removed': `Closed: the rule was removed. ${UNKNOWN}`,
  'limit-exceeded': `Closed: the rule exceeded its alert limit. ${UNKNOWN}`,
  'no-data': `Closed: no data. ${UNKNOWN}`,
  closed: `Closed manually without data. ${UNKNOWN}`,
  continued: 'Still breaching: continued in another message.',
  'resolved-by-alertmanager': 'Resolved by Alertmanager. It may have recovered, or its data may be missing.',
  'not-notified': `Closed: Alertmanager has sent nothing about it for 24 h. ${UNKNOWN}`,
};

/** What a line says, when it happened, and whether it says less than that all is well. */
interface Line {
  readonly phrase: Phrase;
  readonly at: EpochMs;
  readonly isUnknown?: boolean;
}

function sourceEnd(reason: ResolveReason, at: EpochMs): Line {
  return reason === 'rule-removed'
    ? { phrase: ['Prometheus is no longer monitored.'], at, isUnknown: true }
    : { phrase: ['Prometheus responds again.'], at };
}

function groupEnd(alertGroup: AlertGroupSnapshot, { alert, rule, at }: ThreadNote): Line {
  if (alertGroup.rows.length === 0)
    return { phrase: [`Closed: its alerts are not known. ${UNKNOWN}`], at, isUnknown: true };
  const what = groupEnding({ alert, rule, alertGroup });
  const text = `${what[0]?.toUpperCase()}${what.slice(1)}.`;
  const unknown = alertGroup.rows.every(isWell) ? '' : ' The state of some is unknown.';
  return { phrase: [text + unknown], at, isUnknown: !isRecovered(alertGroup) };
}

function ending(note: ThreadNote): Line {
  const { alert, rule, alertGroup } = note;
  if (alertGroup !== undefined) return groupEnd(alertGroup, note);
  const { resolveReason = 'recovered', resolvedAt: at = alert.seenAt, closed } = alert;
  if (rule.about === 'source') return sourceEnd(resolveReason, at);
  if (rule.about === 'silence') return { phrase: silenceEnd(alert), at };
  if (rule.test !== undefined) return { phrase: ['The test ended.'], at, isUnknown: true };
  const isUnknown = !isRecovery({ resolveReason });
  if (closed !== undefined) {
    const comment = closed.comment === undefined ? '' : `: ${closed.comment}`;
    return {
      phrase: ['Closed by ', { person: closed.by }, ` without data${comment}. ${UNKNOWN}`],
      at,
      isUnknown,
    };
  }
  if (resolveReason === 'no-data') {
    const missing = timeSpan(between(alert.seenAt, at));
    return { phrase: [`Closed: no data for ${missing}. ${UNKNOWN}`], at, isUnknown };
  }
  if (resolveReason === 'recovered' && !Number.isNaN(alert.value))
    return { phrase: [`Resolved: ${recoveredText(alert, rule)}.`], at };
  return { phrase: [ENDINGS[resolveReason]], at, isUnknown };
}

function noData({ alert: { noDataReason, noDataSince, seenAt }, rule }: ThreadNote): Line {
  const at = noDataSince ?? seenAt;
  const why = noDataReason === undefined ? '' : ` ${noDataReasonText(noDataReason)}`;
  return {
    phrase: ['No data since ', { at }, `.${why} ${noDataEnd(rule)}`],
    at,
  };
}

function dataBack({ gap, keepFiringSince, seenAt: at }: Alert): Line {
  const missing = gap === undefined ? '' : ` Data was missing for ${timeSpan(between(gap.start, gap.end))}.`;
  const text =
    keepFiringSince === undefined
      ? 'Data is back and still breaching.'
      : 'Data is back and no longer breaching. The alert ends when keep_firing_for has passed.';
  return { phrase: [text + missing], at };
}

function silence(update: SilenceUpdate | undefined): Phrase {
  if (update === undefined) return [];
  const { what, by, until, comment = '' } = update;
  if (what === 'unsilenced') return ['Silence ended by ', { person: by }, '.'];
  const end: Phrase = until === undefined ? [] : [' until ', { at: until }];
  const why = comment === '' ? '.' : `: ${comment.replace(/[.\s]+$/, '')}.`;
  return ['Silenced by ', { person: by }, ...end, `${why} The end of the alert is still reported here.`];
}

/** Mentions whose acknowledgement it was: that person may still be at work on it. */
function withdrawn({ action, alert: { acknowledged }, alertGroup }: ThreadNote): Phrase {
  const by = action?.by ?? '';
  const whose = alertGroup === undefined && acknowledged !== undefined && acknowledged.by !== by;
  return [
    'Acknowledgement withdrawn by ',
    { person: by },
    ...(whose ? ['. It was that of ', { person: acknowledged.by }] : []),
    '.',
  ];
}

const said = ({ at, text = '' }: ThreadNote): Line => ({ phrase: [text], at });

const LINES: Readonly<Record<ThreadNote['kind'], (note: ThreadNote) => Line>> = {
  'no-data': noData,
  'data-back': ({ alert }) => dataBack(alert),
  silence: (note) => ({ phrase: silence(note.silence), at: note.silence?.at ?? note.at }),
  reminder: (note) => ({ phrase: reminder(note), at: note.at }),
  unacknowledged: (note) => ({ phrase: withdrawn(note), at: note.at }),
  flapping: (note) => ({ phrase: [note.text ?? '', ...firingNow(note)], at: note.at }),
  stable: said,
  culprit: said,
  resolved: ending,
  frozen: ({ at, text = '' }) => ({
    phrase: [`Slack no longer lets this message be edited (${text}). Updates follow in this thread.`],
    at,
  }),
};

function reminder({ alert, rule, alertGroup, text = '' }: ThreadNote): Phrase {
  if (alertGroup !== undefined) {
    const { firing, 'no-data': noData } = alertGroup.counts;
    return [`${text}: ${count(firing + noData, 'alert')} still open.`];
  }
  if (alert.noDataSince !== undefined) return [`${text}. No data since `, { at: alert.noDataSince }, '.'];
  return [`${text}: ${headlineText({ alert, rule, evidence: NO_EVIDENCE, links: [] })}.`];
}

/** A flapping alert has no message of its own: its line says that it is firing, the value, and since when. */
function firingNow({ alert, rule, alertGroup }: ThreadNote): Phrase {
  if (alertGroup !== undefined || alert.state !== 'firing') return [];
  const value = headlineText({ alert, rule, evidence: NO_EVIDENCE, links: [] });
  return [` Firing now: ${value}, since `, { at: firedAtOf(alert) }, '.'];
}

/** Who acknowledged a page is notified of its end, unless the same person ended it: Slack notifies nobody of an edit. */
function acknowledgerOf({ kind, alert, alertGroup }: ThreadNote): Phrase {
  const { acknowledged, closed, resolveReason, labels } = alert;
  const isEnd = kind === 'resolved' && alertGroup === undefined && resolveReason !== 'continued';
  if (!isEnd || acknowledged === undefined || labels['severity'] !== 'page') return [];
  return closed?.by === acknowledged.by ? [] : [' ', { person: acknowledged.by }];
}

/** A line in a message's thread. `mentionsAcknowledger`: the end of an acknowledged page mentions who acknowledged it. */
export function noteMessage(
  note: ThreadNote,
  { mentionsAcknowledger = true }: { readonly mentionsAcknowledger?: boolean } = {},
): Rendered {
  const { phrase, at, isUnknown } = LINES[note.kind](note);
  const ended = note.rule.about === 'silence' ? '🔔' : SIGNS[note.kind];
  const sign = isUnknown === true ? '☑️' : ended;
  const mentioned = mentionsAcknowledger ? phraseText(acknowledgerOf(note)) : '';
  const called =
    note.mentions === undefined || note.mentions.length === 0 ? '' : ` ${mentionLine(note.mentions)}`;
  const text = `${sign} ${phraseText(phrase)}${mentioned}${called} · ${date(at)}`;
  const hasButtons = note.kind === 'flapping' || note.kind === 'reminder';
  const buttons = hasButtons && note.alertGroup === undefined ? actionButtons(note.alert) : [];
  return { text, blocks: [section(text), ...actions([...buttons])] };
}
