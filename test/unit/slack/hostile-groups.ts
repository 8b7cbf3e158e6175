import * as fc from 'fast-check';
import type { GroupedAlert } from '../../../src/alerts/alert.ts';
import { REPLY_ROWS } from '../../../src/policy/alert-group.ts';
import type { AlertGroupView } from '../../../src/slack/blocks/alert-group.ts';
import { alertViews, at, hostileText, many, some, value } from './hostile.ts';

const member: fc.Arbitrary<GroupedAlert> = some(
  {
    fingerprint: fc.constant('f'),
    alertId: fc.string({
      unit: fc.constantFrom(...'0123456789abcdef'.split('')),
      minLength: 27,
      maxLength: 27,
    }),
    name: hostileText,
    severity: hostileText,
    state: fc.constantFrom('firing' as const, 'no-data' as const, 'resolved' as const),
    value,
    peak: value,
    since: at,
    resolvedAt: at,
    resolveReason: fc.constantFrom('recovered' as const, 'rule-removed' as const),
    acknowledged: fc.record({ by: hostileText, at }),
  },
  ['fingerprint', 'alertId', 'name', 'state', 'value', 'peak', 'since'],
);

const alertGroup = some(
  {
    id: fc.constant('alertGroup-0a-17'),
    startedAt: at,
    counts: fc.record({ firing: fc.nat(6_000), 'no-data': fc.nat(6_000), resolved: fc.nat(6_000) }),
    rows: many(member, REPLY_ROWS),
    page: fc.record({ number: fc.nat(100), joinedAt: at }),
  },
  ['id', 'startedAt', 'counts', 'rows'],
);

/** The message of an alert group, or a reply of its thread, with hostile labels. */
export const alertGroupViews: fc.Arbitrary<AlertGroupView> = fc
  .tuple(alertViews, alertGroup)
  .map(([view, group]) => ({ ...view, alertGroup: group }));
