import type { Alert } from '../alerts/alert.ts';
import type { Phrase } from '../lib/phrase.ts';
import { hushedBy } from '../messages/alert-view.ts';
import type { SloRow } from './slo-views.ts';

/** Who has an alert, and who or what holds it back, for its row in a list. */
export function peopleOf({ acknowledged, suppressed }: Alert): Pick<SloRow, 'people' | 'detail'> {
  const owner: Phrase = acknowledged === undefined ? [] : ['acknowledged by ', { person: acknowledged.by }];
  const silence = suppressed?.silence;
  const hush: Phrase =
    silence === undefined ? [] : ['silenced by ', { person: silence.by }, `: ${suppressed?.by ?? ''}`];
  const both = owner.length > 0 && hush.length > 0 ? [', '] : [];
  const people = [...owner, ...both, ...hush];
  return {
    people: people.length === 0 ? undefined : people,
    detail: suppressed === undefined || silence !== undefined ? undefined : `${hushedBy(suppressed).text}.`,
  };
}
