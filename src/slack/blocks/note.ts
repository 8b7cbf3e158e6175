import type { NoteView } from '../../messages/notifier.ts';
import type { Rendered } from './block-kit.ts';
import { section } from './block-kit.ts';
import { comparisonWord, floor, ruleValue, timeSpan } from './format.ts';
import { date, escape, phraseText } from './mrkdwn.ts';

const SIGNS: Readonly<Record<NoteView['kind'], string>> = {
  'no-data': '⚪',
  'data-back': '🔵',
  act: '🔕',
  flapping: '🔁',
  settled: '🟢',
  resolved: '✅',
};

type Proof = NonNullable<NoteView['proof']>;

/** Rounding may make a value look like its bound. */
function besides({ value, bound }: Proof, how: Parameters<typeof ruleValue>[1]): string {
  if (bound === undefined || value === bound || ruleValue(value, how) !== ruleValue(bound, how)) return '';
  return value < bound ? 'just under ' : 'just over ';
}

/** `Slow requests: 0.2%; the rule alerts above 1%.` */
function proofText(proof: Proof): string {
  const how = { kind: proof.valueKind, unit: proof.unit };
  const what = proof.valueKind === 'slow-share' ? 'Slow requests: ' : 'It is ';
  const { bound, comparison } = proof;
  const value = `${floor(proof)}${besides(proof, how)}${ruleValue(proof.value, how)}`;
  const against =
    bound === undefined || comparison === undefined
      ? ''
      : `; the rule alerts ${comparisonWord(comparison)} ${ruleValue(bound, how)}`;
  return `${what}${value}${against}.`;
}

/** A line in an alert's thread. */
export function noteMessage(note: NoteView): Rendered {
  const sign = note.isOutcomeUnknown === true ? '☑️' : SIGNS[note.kind];
  const more = [
    ...(note.goneFor === undefined ? [] : [`It was gone for ${timeSpan(note.goneFor)}.`]),
    ...(note.proof === undefined ? [] : [proofText(note.proof)]),
  ];
  const words =
    note.phrase === undefined ? escape([note.text, ...more].join(' '), 2_500) : phraseText(note.phrase);
  const text = `${sign} ${words} · ${date(note.at)}`;
  return { text, blocks: [section(text)] };
}
