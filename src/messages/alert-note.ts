import type { Alert, NoDataReason, ResolveReason } from '../alerts/alert.ts';
import { between, type EpochMs } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import type { NoteView } from './notifier.ts';
import { silenceNote } from './silence-note.ts';
import type { AlertGroupSnapshot, SilenceUpdate } from './store.ts';

/** What no-data reason of an alert without data, as one sentence. */
export function noDataReasonText(noDataReason: NoDataReason): string {
  switch (noDataReason.kind) {
    case 'series':
      return `Its series are gone from ${noDataReason.metric}.`;
    case 'traffic':
      return 'Its series are there, but count no requests any more.';
    case 'few-requests':
      return `Too few requests for a verdict: ${noDataReason.requests} of the ${noDataReason.minimum} that the rule asks for.`;
    case 'target':
      return 'What Prometheus scraped for it is down or not scraped any more (up is 0 or gone).';
    case 'source':
      return 'Prometheus itself says that it has a part of the data only.';
    case 'value':
      return 'Its series are there and go on, but the rule gives no value for them: look whether buckets or labels changed.';
    case 'unknown':
      return `What no-data reason could not be notified apart: ${noDataReason.reason}.`;
  }
}

const UNKNOWN_END = 'Whether the service is well is not known.';
const ENDINGS: Readonly<Record<ResolveReason, string>> = {
  recovered: 'Resolved: the value is on the good side of the bound again.',
  'no-longer-breaching': 'Resolved: it does not breach any more.',
  'rule-removed': `Closed: its rule was removed. ${UNKNOWN_END}`,
  'limit-exceeded': `Closed: its rule went over its limit of alerts. ${UNKNOWN_END}`,
  closed: `Closed by a person while there was no data. ${UNKNOWN_END}`,
};

/** Whether an end says anything about the service, or only that nobody checks it any more. */
const isKnownGood = (reason: ResolveReason | undefined): boolean =>
  reason === 'recovered' || reason === 'no-longer-breaching';

/** The value that proved a recovery, and the bound it is held against. */
function proofOf({ alert, rule }: Noted): Pick<NoteView, 'proof'> {
  if (alert.resolveReason !== 'recovered' || Number.isNaN(alert.value)) return {};
  const { valueKind, comparison } = rule;
  const bound = rule.recovery?.bound ?? rule.bound;
  return {
    proof: {
      value: alert.value,
      valueKind,
      bound,
      comparison,
      ...howToRead(alert, rule),
    },
  };
}

function howToRead(
  { annotations }: Alert,
  { valueKind, objective }: SloRule,
): Pick<NonNullable<NoteView['proof']>, 'unit' | 'isApproximate'> {
  const unit = annotations['slo_unit'] ?? (valueKind === 'latency' ? objective?.family.unit : undefined);
  const isApproximate = objective?.isApproximate;
  return {
    unit,
    isApproximate,
  };
}

interface Noted {
  readonly alert: Alert;
  readonly rule: SloRule;
  /** What a person did, of an `act`. */
  readonly notified?: SilenceUpdate;
  /** Many alerts that share a message. */
  readonly alertGroup?: AlertGroupSnapshot;
  /** The words of a line that depend on more than the alert. */
  readonly note?: string;
  readonly createdAt: EpochMs;
}

/** Who ended it, where a person did. */
function byPerson({ closed }: Alert): Pick<NoteView, 'phrase'> {
  if (closed === undefined) return {};
  const why = closed.comment === undefined ? '. ' : `: ${closed.comment}. `;
  return {
    phrase: ['Closed by ', { person: closed.by }, ` while there was no data${why}${UNKNOWN_END}`],
  };
}

/** The end of many alerts that shared a message. */
function alertGroupEnd({ counts, rows }: AlertGroupSnapshot, at: EpochMs): NoteView {
  const isKnown = rows.every(({ resolveReason }) => isKnownGood(resolveReason));
  return isKnown
    ? { kind: 'resolved', text: `All ${counts.resolved} are over.`, at }
    : {
        kind: 'resolved',
        text: `All ${counts.resolved} are closed. Whether all are well is not known.`,
        at,
        isOutcomeUnknown: true,
      };
}

function noDataNote({ alert: { noDataReason, noDataSince, seenAt } }: Noted): NoteView {
  const what = noDataReason === undefined ? '' : ` ${noDataReasonText(noDataReason)}`;
  const text = `No data any more.${what} That is no recovery: the alert stands until a value proves one.`;
  return { kind: 'no-data', text, at: noDataSince ?? seenAt };
}

function dataBackNote({ alert: { gap, keepFiringSince, seenAt } }: Noted): NoteView {
  const text =
    keepFiringSince === undefined
      ? 'The data is back and still breaches.'
      : 'The data is back and does not breach: the alert ends when keep_firing_for is over.';
  const gone = gap === undefined ? {} : { goneFor: between(gap.start, gap.end) };
  return { kind: 'data-back', text, at: seenAt, ...gone };
}

const sourceEnd = (reason: ResolveReason, at: EpochMs): NoteView =>
  reason === 'rule-removed'
    ? { kind: 'resolved', text: 'It is not watched any more.', at, isOutcomeUnknown: true }
    : { kind: 'resolved', text: 'Prometheus answers again.', at };

function endNote(noted: Noted): NoteView {
  const { alert, rule, alertGroup, createdAt } = noted;
  if (alertGroup !== undefined) return alertGroupEnd(alertGroup, createdAt);
  const { resolveReason = 'recovered', resolvedAt: at = alert.seenAt } = alert;
  if (rule.about === 'source') return sourceEnd(resolveReason, at);
  return {
    kind: 'resolved',
    text: ENDINGS[resolveReason],
    at,
    isOutcomeUnknown: isKnownGood(resolveReason) ? undefined : true,
    ...proofOf(noted),
    ...byPerson(alert),
  };
}

/** The line in the thread that tells followers what the message now shows. */
export function noteOf(kind: NoteView['kind'], noted: Noted): NoteView {
  switch (kind) {
    case 'no-data':
      return noDataNote(noted);
    case 'data-back':
      return dataBackNote(noted);
    case 'flapping':
      return { kind, text: noted.note ?? 'It comes and goes.', at: noted.createdAt, isForAll: true };
    case 'settled':
      return { kind, text: noted.note ?? 'It has been quiet.', at: noted.createdAt };
    case 'resolved':
      return endNote(noted);
    case 'act':
      return noted.notified === undefined
        ? { kind, text: 'Somebody acted on it.', at: noted.alert.seenAt }
        : silenceNote(noted.notified);
  }
}
