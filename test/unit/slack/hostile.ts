import * as fc from 'fast-check';
import type { EpochMs, EpochUs, Microseconds, Milliseconds } from '../../../src/lib/units.ts';
import type { MessageView } from '../../../src/messages/notifier.ts';
import type { TraceRow } from '../../../src/traces/find-slowest.ts';
import { type ViewFields, viewOf } from './views.ts';

/** Text as the worst of labels, tags and error texts would have it. */
export const hostileText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '',
    ' ',
    '<!channel>',
    '<@U0ALICE0000>',
    '<https://evil.example|click>',
    '`<!here>`',
    '*b* _i_ ~s~ &amp; <&>',
    '\u202eright to left',
    '\ud83d',
    ':fire:'.repeat(30),
    '&'.repeat(4_000),
    '<'.repeat(4_000),
    '👩‍👩‍👧‍👦'.repeat(700),
    'x'.repeat(20_000),
    'line\n'.repeat(2_000),
  ),
);

export const url = fc.oneof(
  fc.webUrl(),
  hostileText,
  fc.constantFrom(
    'javascript:alert(1)',
    `https://a.example/${'b'.repeat(4_000)}`,
    'https://a.example/?q=<!channel>&x=|',
  ),
);

export const value = fc.oneof(
  fc.double(),
  fc.double({ min: 0, max: 1e7 }),
  fc.constantFrom(0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, -1),
);

export const at = fc.integer({ min: 0, max: 4e12 }) as fc.Arbitrary<EpochMs>;
export const atUs = fc.integer({ min: 0, max: 4e15 }) as fc.Arbitrary<EpochUs>;
export const spanUs = fc.nat(1e12) as fc.Arbitrary<Microseconds>;
export const span = value as fc.Arbitrary<Milliseconds>;
export const window = fc.record({ start: at, end: at });
export const many = <T>(one: fc.Arbitrary<T>, most: number): fc.Arbitrary<T[]> =>
  fc.oneof(fc.array(one, { maxLength: 5 }), fc.array(one, { minLength: most, maxLength: most }));

/** Leaves properties out at random: absent and undefined are not the same. */
export const some = <T, K extends keyof T>(model: { [P in keyof T]: fc.Arbitrary<T[P]> }, required: K[]) =>
  fc.record(model, { requiredKeys: required });

export const links = many(fc.record({ label: hostileText, url }), 30);

export const traceRow: fc.Arbitrary<TraceRow> = some(
  {
    traceId: hostileText,
    duration: spanUs,
    traceDuration: spanUs,
    start: atUs,
    operation: hostileText,
    isError: fc.boolean(),
    url,
  },
  ['traceId', 'duration', 'traceDuration', 'start', 'operation', 'isError'],
);

export const estimate = some(
  { quantile: fc.double({ min: 0, max: 1, noNaN: true }), value: span, low: span, high: span },
  ['quantile', 'value'],
);

export const chart = fc.record({
  title: hostileText,
  unit: hostileText,
  at: many(at, 40),
  series: many(fc.record({ name: hostileText, values: many(value, 40) }), 15),
});

export const valueKind = fc.constantFrom('slow-share' as const, 'latency' as const, 'number' as const);
export const comparison = fc.constantFrom(
  '>' as const,
  '>=' as const,
  '<' as const,
  '<=' as const,
  '==' as const,
  '!=' as const,
);

const suppression = some(
  {
    kind: fc.constantFrom('silence' as const, 'maintenance' as const, 'inhibited' as const),
    by: hostileText,
    since: at,
    until: at,
    silence: fc.record({ id: hostileText, by: hostileText }),
  },
  ['kind', 'by', 'since'],
);

/** The fields of an alert's message. */
const viewFields = some(
  {
    state: fc.constantFrom('firing' as const, 'resolved' as const),
    alertId: hostileText,
    alertname: hostileText,
    labels: fc.dictionary(fc.oneof(hostileText, fc.constantFrom('service', 'severity')), hostileText, {
      maxKeys: 40,
    }),
    series: fc.dictionary(fc.oneof(hostileText, fc.constant('service')), hostileText, { maxKeys: 5 }),
    annotations: fc.dictionary(
      fc.constantFrom('summary', 'description', 'message', 'runbook_url', 'slo_unit', 'asked', 'reason'),
      fc.oneof(hostileText, url),
    ),
    about: fc.constant('source' as const),
    value,
    peak: value,
    valueKind,
    comparison,
    bound: value,
    threshold: span,
    quantile: fc.double({ min: 0, max: 1, noNaN: true }),
    window: fc.nat(1e9) as fc.Arbitrary<Milliseconds>,
    isApproximate: fc.constant(true as const),
    activeAt: at,
    firedAt: at,
    resolvedAt: at,
    resolveReason: fc.constantFrom(
      'recovered' as const,
      'no-longer-breaching' as const,
      'rule-removed' as const,
    ),
    noDataSince: at,
    noDataReason: fc.oneof(
      fc.record({ kind: fc.constant('series' as const), metric: hostileText }),
      fc.record({ kind: fc.constant('unknown' as const), reason: hostileText }),
    ),
    latency: estimate,
    slowShare: value,
    slowBetween: some({ low: span, high: span, atLeast: value, atMost: value }, ['low', 'atLeast', 'atMost']),
    budget: fc.record({ left: value, period: span, over: span }),
    burn: fc.record({ long: span, short: span, factor: value }),
    burnRate: value,
    watched: value,
    traces: fc.oneof(
      fc.constant({ kind: 'pending' as const }),
      fc.record({
        kind: fc.constant('found' as const),
        rows: many(traceRow, 120),
        completeness: hostileText,
      }),
      fc.record({ kind: fc.constant('unavailable' as const), reason: hostileText }),
    ),
    chart,
    links,
    notice: hostileText,
    mentions: many(fc.oneof(hostileText, fc.constantFrom('S0ONCALL00', 'U0ANN00000')), 20),
    alsoSlow: many(hostileText, 20),
    suppressed: suppression,
    acknowledged: fc.record({ by: hostileText, at }),
    closed: fc.record({ by: hostileText, at, comment: hostileText }),
    gaps: many(hostileText, 20),
  },
  ['labels', 'value', 'peak', 'valueKind', 'activeAt', 'traces', 'links', 'gaps'],
) as fc.Arbitrary<ViewFields>;

export const alertViews: fc.Arbitrary<MessageView> = viewFields.map(viewOf);
