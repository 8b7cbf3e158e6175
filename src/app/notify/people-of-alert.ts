import type { Alert } from '../../domain/alert/alert.ts';
import type { Phrase, SloRow } from '../views.ts';
import { hushedBy } from './alert-view.ts';

/** Who has an alert, and who or what holds it back, for its row in a list. */
export function peopleOf({ acknowledged, suppressed }: Alert): Pick<SloRow, 'people' | 'detail'> {
  const owner: Phrase = acknowledged === undefined ? [] : ['acknowledged by ', { person: acknowledged.by }];
  const silence = suppressed?.silence;
  const hush: Phrase =
    silence === undefined ? [] : ['silenced by ', { person: silence.by }, `: ${suppressed?.by ?? ''}`];
  const both = owner.length > 0 && hush.length > 0 ? [', '] : [];
  const people = [...owner, ...both, ...hush];
  return {
    ...(people.length === 0 ? {} : { people }),
    ...(suppressed === undefined || silence !== undefined ? {} : { detail: `${hushedBy(suppressed).text}.` }),
  };
}
