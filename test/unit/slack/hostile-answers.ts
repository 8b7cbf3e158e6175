import * as fc from 'fast-check';
import type { Answer } from '../../../src/commands/answer.ts';
import type { LatencyView } from '../../../src/commands/latency.ts';
import type { CallLatencyView } from '../../../src/commands/latency-call.ts';
import type { ServiceRow } from '../../../src/commands/slo-services.ts';
import type { SloRow } from '../../../src/commands/slo-status.ts';
import type { PropagationView } from '../../../src/commands/trace-propagation.ts';
import type { RequestView } from '../../../src/traces/find-request.ts';
import type { TraceView } from '../../../src/traces/inspect-trace.ts';
import type { PathEntryKind } from '../../../src/traces/path-breakdown.ts';
import { START } from '../../support/virtual-clock.ts';
import {
  at,
  atUs,
  chart,
  comparison,
  estimate,
  hostileText,
  links,
  many,
  some,
  span,
  spanUs,
  traceRow,
  url,
  value,
  valueKind,
  window,
} from './hostile.ts';
import { lines, phrase } from './hostile-people.ts';
import { breakdown, comparedTraces, part, percentiles } from './hostile-requests.ts';
import { whyView } from './hostile-why.ts';

const traceView: fc.Arbitrary<TraceView> = some(
  {
    traceId: hostileText,
    rootService: hostileText,
    rootOperation: hostileText,
    start: atUs,
    duration: spanUs,
    spanCount: fc.nat(),
    services: many(fc.record({ name: hostileText, spans: fc.nat() }), 60),
    isError: fc.boolean(),
    status: hostileText,
    path: some(
      {
        duration: spanUs,
        rows: many(
          fc.record({
            kind: fc.constantFrom<PathEntryKind[]>('own', 'network', 'retry', 'database', 'call'),
            service: hostileText,
            operation: hostileText,
            peer: hostileText,
            time: spanUs,
            potentialSaving: spanUs,
            spans: fc.nat(),
            share: value,
          }),
          60,
        ),
        hidden: fc.record({ count: fc.nat(), time: spanUs }),
        url,
      },
      ['duration', 'rows', 'hidden'],
    ),
    hops: many(
      some(
        {
          caller: hostileText,
          callee: hostileText,
          calls: fc.nat(),
          overhead: spanUs,
          worst: spanUs,
          split: fc.record({ request: spanUs, response: spanUs }),
        },
        ['caller', 'callee', 'calls', 'overhead', 'worst'],
      ),
      60,
    ),
    retries: many(
      fc.record({
        caller: hostileText,
        callee: hostileText,
        operation: hostileText,
        attempts: fc.nat(),
        failed: fc.nat(),
        duration: spanUs,
      }),
      60,
    ),
    repeats: many(
      fc.record({
        service: hostileText,
        operation: hostileText,
        child: hostileText,
        count: fc.nat(),
        time: spanUs,
      }),
      60,
    ),
    errors: many(
      fc.record({
        service: hostileText,
        operation: hostileText,
        detail: hostileText,
        times: fc.nat(),
        spans: fc.nat(),
        reachesRoot: fc.boolean(),
      }),
      60,
    ),
    errorCount: fc.nat(),
    offPath: many(
      fc.record({ service: hostileText, operation: hostileText, selfTime: spanUs, share: value }),
      60,
    ),
    serverSpans: fc.constant([]),
    percentiles,
    request: fc.record({ id: fc.oneof(hostileText, fc.uuid()), text: hostileText }),
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
    'isError',
    'status',
    'path',
    'errors',
    'errorCount',
    'hops',
    'retries',
    'repeats',
    'offPath',
    'serverSpans',
    'notices',
  ],
) as fc.Arbitrary<unknown> as fc.Arbitrary<TraceView>;

const requestView: fc.Arbitrary<RequestView> = some(
  {
    requestId: hostileText,
    traces: many(traceView, 12),
    notices: many(hostileText, 30),
  },
  ['requestId', 'traces', 'notices'],
) as fc.Arbitrary<RequestView>;

const sloRow: fc.Arbitrary<SloRow> = some(
  {
    rule: some(
      {
        name: hostileText,
        for: span,
        annotations: some({ slo_unit: hostileText }, []),
        valueKind,
        bound: value,
        comparison,
        objective: some({ quantile: value, threshold: span, isApproximate: fc.constant(true) }, [
          'quantile',
          'threshold',
        ]),
        burn: fc.record({ long: span, short: span, factor: value }),
        recovery: some({ window: span }, []),
      },
      ['name', 'for', 'annotations', 'valueKind'],
    ),
    state: fc.constantFrom(
      'ok' as const,
      'pending' as const,
      'firing' as const,
      'no-data' as const,
      'rule-error' as const,
      'source-error' as const,
      'unknown' as const,
      'not-evaluated' as const,
    ),
    people: phrase,
    figures: some(
      {
        latency: estimate,
        slow: some({ low: span, high: span, atLeast: value, atMost: value }, ['low', 'atLeast', 'atMost']),
        budget: fc.oneof(
          fc.record({ kind: fc.constant('known' as const), left: value, period: span, over: span }),
          fc.record({ kind: fc.constant('unknown' as const), reason: hostileText }),
          fc.constant({ kind: 'pending' as const }),
        ),
      },
      ['budget'],
    ),
    subject: hostileText,
    value,
    since: at,
    evaluatedAt: at,
    detail: hostileText,
    messageUrl: url,
  },
  ['rule', 'state'],
) as fc.Arbitrary<unknown> as fc.Arbitrary<SloRow>;

const latencyView: fc.Arbitrary<LatencyView> = some(
  {
    service: hostileText,
    window: span,
    at,
    columns: many(
      some(
        {
          label: fc.constantFrom(
            'now' as const,
            'last' as const,
            'an hour ago' as const,
            'a day ago' as const,
          ),
          window: span,
          quantiles: many(estimate, 15),
          requestsPerSecond: value,
          errorShare: value,
        },
        ['label', 'window', 'quantiles'],
      ),
      12,
    ),
    slos: many(sloRow, 30),
    calls: many(
      fc.record({
        end: fc.constantFrom('caller', 'callee'),
        service: hostileText,
        mean: span,
        meanBefore: span,
        requestsPerSecond: value,
      }),
      30,
    ),
    breakdown,
    chart,
    notices: many(hostileText, 20),
    links,
  },
  ['service', 'window', 'at', 'columns', 'slos', 'calls', 'notices', 'links'],
) as fc.Arbitrary<LatencyView>;

const serviceRow: fc.Arbitrary<ServiceRow> = some(
  {
    name: hostileText,
    objective: some({ quantile: value, threshold: span, window: span, isApproximate: fc.constant(true) }, [
      'quantile',
      'threshold',
      'window',
    ]),
    state: fc.constantFrom('firing' as const, 'not-evaluated' as const, 'ok' as const),
    share: value,
    budget: fc.record({ left: value, period: span, over: span }),
  },
  ['name', 'objective', 'state'],
) as fc.Arbitrary<ServiceRow>;

const callSide = some(
  { quantiles: many(estimate, 3), mean: span, requestsPerSecond: value, errorShare: value },
  ['quantiles'],
);
const callFigures = some({ caller: callSide, callee: callSide, meanDifference: span }, ['caller', 'callee']);

const callLatencyView = some(
  {
    caller: hostileText,
    callee: hostileText,
    window: span,
    at,
    now: callFigures,
    hourAgo: callFigures,
    links,
  },
  ['caller', 'callee', 'window', 'at', 'now', 'hourAgo', 'links'],
) as fc.Arbitrary<unknown> as fc.Arbitrary<CallLatencyView>;

const propagationView: fc.Arbitrary<PropagationView> = fc.record({
  service: hostileText,
  window,
  traces: fc.nat(),
  edges: many(
    fc.record({
      caller: hostileText,
      callee: hostileText,
      callsByMetrics: value,
      callsInTraces: value,
      requests: fc.nat(),
      stopShare: value,
      result: fc.constantFrom('forwarded', 'dropped', 'not-continued', 'too-few'),
    }),
    40,
  ),
  droppers: many(fc.record({ service: hostileText, language: hostileText }), 10),
  links,
}) as fc.Arbitrary<PropagationView>;

export const answers: fc.Arbitrary<Answer> = fc.oneof(
  some(
    {
      command: some({ service: hostileText, operation: hostileText, over: span }, ['service']),
      window,
      result: fc.record({
        rows: many(traceRow, 120),
        isComplete: fc.boolean(),
        completeness: hostileText,
      }),
      links,
    },
    ['command', 'window', 'result', 'links'],
  ).map((view) => ({ kind: 'slowest' as const, view })),
  traceView.map((view) => ({ kind: 'trace' as const, view })),
  requestView.map((view) => ({ kind: 'request' as const, view })),
  latencyView.map((view) => ({ kind: 'latency' as const, view })),
  callLatencyView.map((view) => ({ kind: 'call-latency' as const, view })),
  whyView.map((view) => ({ kind: 'why' as const, view })),
  propagationView.map((view) => ({ kind: 'propagation' as const, view })),
  comparedTraces.map((view) => ({ kind: 'comparison' as const, view })),
  part.map((view) => ({ kind: 'request-latency' as const, view })),
  many(sloRow, 200).map((rows) => ({ kind: 'slo-status' as const, view: { at: START, rows } })),
  fc
    .record({ rows: many(serviceRow, 120), gaps: many(hostileText, 5) })
    .map((view) => ({ kind: 'slo-services' as const, view })),
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
    name: hostileText,
    nearest: many(hostileText, 10),
    all: many(hostileText, 300),
    retry: fc.oneof(hostileText, fc.constant('/trace slowest {service} last 30m')),
  }),
  lines,
  fc.record({ kind: fc.constant('nothing' as const), text: hostileText, links }),
  fc.record({ kind: fc.constant('failed' as const), text: hostileText }),
) as fc.Arbitrary<Answer>;
