import fc from 'fast-check';
import type {
  AlertView,
  Answer,
  LatencyView,
  RequestView,
  SloRow,
  TraceRow,
  TraceView,
} from '../../../../src/app/views.ts';
import type { EpochMs, EpochUs, Microseconds, Milliseconds } from '../../../../src/domain/units.ts';
import { START } from '../../../support/virtual-clock.ts';

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

const url = fc.oneof(
  fc.webUrl(),
  hostileText,
  fc.constantFrom(
    'javascript:alert(1)',
    `https://a.example/${'b'.repeat(4_000)}`,
    'https://a.example/?q=<!channel>&x=|',
  ),
);

const value = fc.oneof(
  fc.double(),
  fc.double({ min: 0, max: 1e7 }),
  fc.constantFrom(0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, -1),
);

const at = fc.integer({ min: 0, max: 4e12 }) as fc.Arbitrary<number> as fc.Arbitrary<EpochMs>;
const atUs = fc.integer({ min: 0, max: 4e15 }) as fc.Arbitrary<number> as fc.Arbitrary<EpochUs>;
const spanUs = fc.nat(1e12) as fc.Arbitrary<number> as fc.Arbitrary<Microseconds>;
const span = value as fc.Arbitrary<number> as fc.Arbitrary<Milliseconds>;
const window = fc.record({ start: at, end: at });
const many = <T>(one: fc.Arbitrary<T>, most: number): fc.Arbitrary<T[]> =>
  fc.oneof(fc.array(one, { maxLength: 5 }), fc.array(one, { minLength: most, maxLength: most }));

/** Leaves properties out at random: absent and undefined are not the same. */
const some = <T, K extends keyof T>(model: { [P in keyof T]: fc.Arbitrary<T[P]> }, required: K[]) =>
  fc.record(model, { requiredKeys: required });

const links = many(fc.record({ label: hostileText, url }), 30);

const traceRow: fc.Arbitrary<TraceRow> = some(
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

const estimate = some(
  { quantile: fc.double({ min: 0, max: 1, noNaN: true }), value: span, low: span, high: span },
  ['quantile', 'value'],
);

const chart = fc.record({
  title: hostileText,
  unit: hostileText,
  at: many(at, 40),
  series: many(fc.record({ name: hostileText, values: many(value, 40) }), 15),
});

const valueKind = fc.constantFrom('slow-share' as const, 'latency' as const, 'number' as const);
const comparison = fc.constantFrom(
  '>' as const,
  '>=' as const,
  '<' as const,
  '<=' as const,
  '==' as const,
  '!=' as const,
);

export const alertViews: fc.Arbitrary<AlertView> = some(
  {
    state: fc.constantFrom('firing' as const, 'no-data' as const, 'resolved' as const),
    alertname: hostileText,
    service: hostileText,
    severity: hostileText,
    labels: fc.dictionary(hostileText, hostileText, { maxKeys: 40 }),
    summary: hostileText,
    description: hostileText,
    runbookUrl: url,
    value,
    peak: value,
    valueKind,
    unit: hostileText,
    comparison,
    bound: value,
    threshold: span,
    quantile: fc.double({ min: 0, max: 1, noNaN: true }),
    window: span,
    activeAt: at,
    firedAt: at,
    resolvedAt: at,
    resolveReason: hostileText,
    noDataSince: at,
    latency: estimate,
    slowShare: value,
    burnRate: value,
    traces: fc.oneof(
      fc.constant({ kind: 'pending' as const }),
      fc.record({ kind: fc.constant('found' as const), rows: many(traceRow, 120), certificate: hostileText }),
      fc.record({ kind: fc.constant('unavailable' as const), reason: hostileText }),
    ),
    chart,
    links,
    notice: hostileText,
    gaps: many(hostileText, 20),
    evidenceWindow: window,
  },
  [
    'state',
    'alertname',
    'labels',
    'value',
    'peak',
    'valueKind',
    'activeAt',
    'firedAt',
    'traces',
    'links',
    'gaps',
    'evidenceWindow',
  ],
) as fc.Arbitrary<AlertView>;

const traceView: fc.Arbitrary<TraceView> = some(
  {
    traceId: hostileText,
    rootService: hostileText,
    rootOperation: hostileText,
    start: atUs,
    duration: spanUs,
    spanCount: fc.nat(),
    services: many(fc.record({ name: hostileText, spans: fc.nat() }), 60),
    errors: many(fc.record({ service: hostileText, operation: hostileText, detail: hostileText }), 60),
    errorCount: fc.nat(),
    selfTimes: many(
      fc.record({ service: hostileText, operation: hostileText, selfTime: spanUs, share: value }),
      60,
    ),
    notices: many(hostileText, 30),
    url,
  },
  [
    'traceId',
    'rootService',
    'rootOperation',
    'start',
    'duration',
    'spanCount',
    'services',
    'errors',
    'errorCount',
    'selfTimes',
    'notices',
  ],
) as fc.Arbitrary<TraceView>;

const requestView: fc.Arbitrary<RequestView> = some(
  {
    requestId: hostileText,
    traces: many(traceView, 12),
    inService: fc.record({
      service: hostileText,
      traceId: hostileText,
      duration: spanUs,
      operation: hostileText,
      traceDuration: spanUs,
      share: value,
      isError: fc.boolean(),
      url,
    }),
    notices: many(hostileText, 30),
  },
  ['requestId', 'traces', 'notices'],
) as fc.Arbitrary<RequestView>;

const sloRow: fc.Arbitrary<SloRow> = some(
  {
    rule: hostileText,
    group: hostileText,
    state: fc.constantFrom(
      'ok' as const,
      'pending' as const,
      'firing' as const,
      'no-data' as const,
      'rule-error' as const,
      'source-error' as const,
      'unknown' as const,
    ),
    subject: hostileText,
    value,
    valueKind,
    bound: value,
    comparison,
    unit: hostileText,
    since: at,
    detail: hostileText,
    messageUrl: url,
  },
  ['rule', 'group', 'state', 'valueKind'],
) as fc.Arbitrary<SloRow>;

const latencyView: fc.Arbitrary<LatencyView> = some(
  {
    service: hostileText,
    window: span,
    at,
    columns: many(
      some(
        {
          label: fc.constantFrom('now' as const, 'an hour ago' as const, 'a day ago' as const),
          quantiles: many(estimate, 15),
          requestsPerSecond: value,
          errorShare: value,
        },
        ['label', 'quantiles'],
      ),
      12,
    ),
    slos: many(sloRow, 30),
    chart,
    notices: many(hostileText, 20),
    links,
  },
  ['service', 'window', 'at', 'columns', 'slos', 'notices', 'links'],
) as fc.Arbitrary<LatencyView>;

export const answers: fc.Arbitrary<Answer> = fc.oneof(
  some(
    {
      service: hostileText,
      operation: hostileText,
      window,
      minDuration: spanUs,
      rows: many(traceRow, 120),
      asked: fc.nat(),
      isExact: fc.boolean(),
      certificate: hostileText,
      searchUrl: url,
    },
    ['service', 'window', 'rows', 'asked', 'isExact', 'certificate'],
  ).map((view) => ({ kind: 'slowest' as const, view })),
  traceView.map((view) => ({ kind: 'trace' as const, view })),
  requestView.map((view) => ({ kind: 'request' as const, view })),
  latencyView.map((view) => ({ kind: 'latency' as const, view })),
  many(sloRow, 200).map((rows) => ({ kind: 'slo-status' as const, view: { at: START, rows } })),
  some(
    {
      kind: fc.constant('usage' as const),
      problem: hostileText,
      usage: many(hostileText, 30),
      suggestion: hostileText,
    },
    ['kind', 'problem', 'usage'],
  ),
  fc.record({
    kind: fc.constant('unknown-service' as const),
    asked: hostileText,
    nearest: many(hostileText, 10),
    all: many(hostileText, 300),
    retry: fc.oneof(hostileText, fc.constant('/trace slowest {service} last 30m')),
  }),
  fc.record({ kind: fc.constant('nothing' as const), text: hostileText, links }),
  fc.record({ kind: fc.constant('failed' as const), text: hostileText }),
) as fc.Arbitrary<Answer>;
