import type { NoteView } from '../../../app/views.ts';
import { date, escape } from '../mrkdwn.ts';
import type { Rendered } from './block.ts';
import { section } from './pieces.ts';

const SIGNS: Readonly<Record<NoteView['kind'], string>> = {
  'no-data': '⚪',
  'data-back': '🔵',
  resolved: '✅',
};

/** A line in an alert's thread. */
export function noteMessage(note: NoteView): Rendered {
  const text = `${SIGNS[note.kind]} ${escape(note.text, 2_500)} · ${date(note.at)}`;
  return { text, blocks: [section(text)] };
}
