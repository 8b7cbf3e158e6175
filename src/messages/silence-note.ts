import type { Phrase } from '../lib/phrase.ts';
import type { NoteView } from './notifier.ts';
import type { SilenceUpdate } from './store.ts';

const until = ({ until: end }: SilenceUpdate): Phrase => (end === undefined ? [] : [' until ', { at: end }]);

/** What the thread of an alert is notified when a person begins or ends a silence that holds it. */
export function silenceNote(news: SilenceUpdate): NoteView {
  const { what, by, at, comment = '' } = news;
  const phrase: Phrase =
    what === 'silenced'
      ? [
          'Silenced by ',
          { person: by },
          ...until(news),
          comment === '' ? '.' : `: ${comment.replace(/[.\s]+$/, '')}.`,
          ' Its end is notified here all the same.',
        ]
      : ['The silence was ended by ', { person: by }, '.'];
  return { kind: 'act', text: '', phrase, at };
}
