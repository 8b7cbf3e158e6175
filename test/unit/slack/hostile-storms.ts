import * as fc from 'fast-check';
import type { GroupedAlert } from '../../../src/alerts/alert.ts';
import type { AlertGroupView } from '../../../src/messages/alert-group-view.ts';
import { PAGE_ROWS } from '../../../src/policy/alert-group.ts';
import { alertViews, at, hostileText, links, many, some, value } from './hostile.ts';

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

/** The message of an alert group, or a reply of its thread, as the worst of labels would have it. */
export const stormViews: fc.Arbitrary<AlertGroupView> = some(
  {
    lead: alertViews,
    startedAt: at,
    counts: fc.record({ firing: fc.nat(6_000), 'no-data': fc.nat(6_000), resolved: fc.nat(6_000) }),
    watched: value,
    rows: many(member, PAGE_ROWS),
    links,
    mentions: many(fc.oneof(hostileText, fc.constantFrom('S0ONCALL00', 'U0ANN00000')), 20),
    notice: hostileText,
    page: fc.record({ number: fc.nat(100), joinedAt: at, isJoin: fc.boolean() }),
  },
  ['lead', 'startedAt', 'counts', 'rows', 'links'],
);
