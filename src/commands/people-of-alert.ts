import type { Alert } from '../alerts/alert.ts';
import type { Phrase } from '../lib/phrase.ts';
import { suppressionText } from '../messages/alert-subject.ts';
import type { SloRow } from './slo-views.ts';

/** Who has an alert, and who or what holds it back, for its row in a list. */
export function peopleOf({ acknowledged, suppressed }: Alert): Pick<SloRow, 'people' | 'detail'> {
  const owner: Phrase = acknowledged === undefined ? [] : ['acknowledged by ', { person: acknowledged.by }];
  const silence = suppressed?.silence;
  const suppression: Phrase =
    silence === undefined ? [] : ['silenced by ', { person: silence.by }, `: ${suppressed?.by ?? ''}`];
  const both = owner.length > 0 && suppression.length > 0 ? [', '] : [];
  const people = [...owner, ...both, ...suppression];
  return {
    people: people.length === 0 ? undefined : people,
    detail: suppressed === undefined || silence !== undefined ? undefined : `${suppressionText(suppressed)}.`,
  };
}
