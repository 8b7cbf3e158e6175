import type { Phrase } from '../lib/phrase.ts';
import type { NoteView } from './notifier.ts';
import type { SilenceNews } from './store.ts';

const until = ({ until: end }: SilenceNews): Phrase => (end === undefined ? [] : [' until ', { at: end }]);

/** What the thread of an alert is told when a person begins or ends a silence that holds it. */
export function silenceNote(news: SilenceNews): NoteView {
  const { what, by, at, comment = '' } = news;
  const phrase: Phrase =
    what === 'silenced'
      ? [
          'Silenced by ',
          { person: by },
          ...until(news),
          comment === '' ? '.' : `: ${comment.replace(/[.\s]+$/, '')}.`,
          ' Its end is told here all the same.',
        ]
      : ['The silence was ended by ', { person: by }, '.'];
  return { kind: 'act', text: '', phrase, at };
}
