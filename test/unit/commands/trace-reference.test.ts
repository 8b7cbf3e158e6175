import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../../src/commands/commands.ts';
import type { Command } from '../../../src/commands/table.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const short = '687eda40ed5b1dc3';
const uuid = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';
const other = '0f9c24e5-2d31-4a5b-9c77-0123456789ab';

const trace: Command = { kind: 'trace', traceId };
const unsampled: Command = { kind: 'trace', traceId, isUnsampled: true };
const shortTrace: Command = { kind: 'trace', traceId: short.padStart(32, '0') };
const request: Command = { kind: 'request', requestId: uuid };
const comparison: Command = {
  kind: 'compare',
  a: { kind: 'trace', traceId },
  b: { kind: 'trace', traceId: short.padStart(32, '0') },
};

const panes = (query: string): string =>
  encodeURIComponent(
    JSON.stringify({
      a: {
        datasource: 'jaeger-uid',
        queries: [{ refId: 'A', datasource: { type: 'jaeger', uid: 'jaeger-uid' }, query }],
        range: { from: '1795183200000', to: '1795183800000' },
      },
    }),
  );

/** Envoy's line in the text format that Istio sets; `-` stands for what a request does not have. */
const accessLog = (path: string, id: string): string =>
  `[2026-11-20T14:05:00.123Z] "GET ${path} HTTP/1.1" 200 - via_upstream - "-" 0 5183 120 119 "10.1.2.3" "Mozilla/5.0 (X11; Linux x86_64)" "${id}" "productpage:9080" "10.0.0.7:9080" outbound|9080||productpage.shop.svc.cluster.local 10.0.0.9:41002 10.96.3.4:9080 10.0.0.9:38000 - default`;

/** Text that a person pastes after `/trace`, and the command. */
const understood: Readonly<Record<string, readonly [string, Command]>> = {
  'an id in capitals': [traceId.toUpperCase(), trace],
  'an id of 64 bits': [short, shortTrace],
  'an id with 0x before it': [`0x${traceId}`, trace],
  'an id in base64': ['S/kvNXezTaajzpKdDg5HNg==', trace],
  'an id in base64url without its padding': ['S_kvNXezTaajzpKdDg5HNg', trace],
  'a short id in base64': ['aH7aQO1bHcM=', shortTrace],
  'an id in backticks': [`\`${traceId}\``, trace],
  'an id in a block of code': [`\`\`\`${traceId}\`\`\``, trace],
  'an id in quotes as a phone types them': [`\u201c${traceId}\u201d`, trace],
  'an id at the end of a sentence': [`(${traceId}).`, trace],
  'a traceparent': [`00-${traceId}-${spanId}-01`, trace],
  'a traceparent with its name': [`traceparent: 00-${traceId}-${spanId}-01`, trace],
  'a traceparent as curl takes it': [`-H 'traceparent: 00-${traceId}-${spanId}-01'`, trace],
  'a traceparent that was not sampled': [`00-${traceId}-${spanId}-00`, unsampled],
  'a traceparent of a later version': [`01-${traceId}-${spanId}-03-what-the-future-brings`, trace],
  'a traceparent beside a tracestate': [
    `traceparent: 00-${traceId}-${spanId}-01 tracestate: congo=t61rcWkgMzE`,
    trace,
  ],
  'a single B3 header': [`${traceId}-${spanId}-1-05e3ac9a4f6e3b90`, trace],
  'a single B3 header with its name': [`b3: ${short}-${spanId}-1`, shortTrace],
  'a single B3 header without a decision': [`b3=${traceId}-${spanId}`, trace],
  'a single B3 header that was not sampled': [`b3: ${traceId}-${spanId}-0`, unsampled],
  'a single B3 header in debug': [`b3: ${traceId}-${spanId}-d`, trace],
  'several B3 headers': [`X-B3-TraceId: ${traceId}\nX-B3-SpanId: ${spanId}\nX-B3-Sampled: 1`, trace],
  'several B3 headers, not sampled': [`x-b3-traceid=${traceId} x-b3-sampled=0`, unsampled],
  "Jaeger's own header": [`uber-trace-id: ${traceId}:${spanId}:0:1`, trace],
  "Jaeger's own header without leading zeros, not sampled": [
    '687eda40ed5b1dc3:f067aa0ba902b7:0:0',
    { ...shortTrace, isUnsampled: true },
  ],
  "Amazon's header": [
    `X-Amzn-Trace-Id: Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=53995c3f42cd8ad8;Sampled=1`,
    trace,
  ],
  'a field of a log line': [`level=info msg="slow cart" traceID=${traceId} duration=1.2s`, trace],
  'a field of a log line, in other words': [
    `WARN [checkout,trace_id=${traceId},span_id=${spanId}] slow`,
    trace,
  ],
  'a log line in JSON': [`{"level":"warn","msg":"slow cart","trace_id":"${traceId}","took":1.2}`, trace],
  'a log line in JSON with blanks': [`{"level": "warn", "traceId": "${traceId}", "msg": "a b"}`, trace],
  'a trace id that a logger writes as a UUID': [
    'trace.id=4bf92f35-77b3-4da6-a3ce-929d0e0e4736 took=1s',
    trace,
  ],
  'a log line with both ids goes by the trace': [`x-request-id=${uuid} trace_id=${traceId}`, trace],
  'a UUID': [uuid, request],
  'a UUID in quotes with a comma': [`"${uuid}",`, request],
  'a request id with its name': [`x-request-id: ${uuid}`, request],
  'a request id in JSON': [`{"x_request_id":"${uuid}","path":"/"}`, request],
  'a request id with its name that is no UUID': [
    'X-Request-ID: 01HF8Z-abc',
    { kind: 'request', requestId: '01HF8Z-abc' },
  ],
  "a line of Istio's access log": [accessLog('/productpage?u=normal', uuid), request],
  "a line of Istio's access log with another id in its path": [accessLog(`/orders/${other}`, uuid), request],
  'a line with one UUID and no quotes': [`14:05:01 GET / 200 1.2s ${uuid}`, request],
  'the page of a trace in Jaeger': [`https://jaeger.example/ui/trace/${traceId}?uiFind=${spanId}`, trace],
  'an old, short id in a link': [`http://jaeger/trace/${short}`, shortTrace],
  "Jaeger's API": [`http://jaeger:16686/api/v3/traces/${traceId}`, trace],
  "Jaeger's search by id": [`https://jaeger.example/search?traceID=${traceId}`, trace],
  "Jaeger's search by request id": [
    `https://jaeger.example/search?service=gateway&tags=${encodeURIComponent(JSON.stringify({ 'guid:x-request-id': uuid }))}`,
    request,
  ],
  "Jaeger's comparison": [
    `https://jaeger.example/trace/${traceId}...${short}?cohort=${traceId}&cohort=${short}`,
    comparison,
  ],
  "Jaeger's comparison with one side": [`https://jaeger.example/trace/${traceId}...`, trace],
  "Kiali's traces": [
    `https://kiali.example/console/namespaces/shop/services/checkout?tab=traces&amp;traceId=${traceId}&amp;spanId=${spanId}`,
    trace,
  ],
  "Grafana's explore": [
    `https://grafana.example/explore?schemaVersion=1&panes=${panes(traceId)}&orgId=1`,
    trace,
  ],
  "Grafana's explore with TraceQL": [
    `https://grafana.example/explore?schemaVersion=1&panes=${panes(`{trace:id = "${traceId}"}`)}`,
    trace,
  ],
  "Grafana's explore before version 10": [
    `https://grafana.example/explore?left=${encodeURIComponent(`["now-1h","now","Tempo",{"query":"${traceId}"}]`)}`,
    trace,
  ],
  "Grafana's explore through a login page": [
    `https://login.example/?next=${encodeURIComponent(`https://grafana.example/explore?panes=${panes(traceId)}`)}`,
    trace,
  ],
  'a dashboard with the trace in a variable': [`https://grafana.example/d/abc?var-traceId=${traceId}`, trace],
  'a link as Slack writes it': [`<https://jaeger.example/trace/${traceId}|the slow one>`, trace],
  'an id under a name of its own': [`trace ${traceId}`, trace],
  "Google's header": [`x-cloud-trace-context: ${traceId}/123;o=1`, trace],
  'one word with its name': [`trace:${traceId}`, trace],
  'a log with an id of another tracer before it': [`ts=1 dd.trace_id=123 trace.id=${traceId}`, trace],
  "Sleuth's part of a log line": [`[bar,${short},${short},false]`, { ...shortTrace, isUnsampled: true }],
  "Sleuth's part of a log line with its time": [
    `2020-11-28 12:52:00.00372 INFO [bar,${short},${spanId},true] 1 --- [nio-8080] slow`,
    shortTrace,
  ],
  "Sleuth's part of a log line without a decision": [`[bar,${traceId},${spanId}] slow`, trace],
  "Spring Boot's part of a log line": [`INFO [bar,main] [${traceId}-${spanId}] slow`, trace],
  "Datadog's decimal id": [
    'dd.trace_id=11803532876627986230 took=1',
    { kind: 'trace', traceId: '0000000000000000a3ce929d0e0e4736' },
  ],
  "Datadog's 128-bit id": ['dd.trace_id=11803532876627986230 _dd.p.tid=4bf92f3577b34da6', trace],
  "Datadog's headers": [
    'x-datadog-trace-id: 11803532876627986230 x-datadog-tags: _dd.p.tid=4bf92f3577b34da6 x-datadog-sampling-priority: 0',
    unsampled,
  ],
  "Datadog's id in JSON": [
    '{"dd":{"service":"cart","trace_id":"11803532876627986230"},"msg":"slow"}',
    { kind: 'trace', traceId: '0000000000000000a3ce929d0e0e4736' },
  ],
  "Datadog's 128-bit id in hex digits": [`dd.trace_id=${traceId} dd.span_id=1`, trace],
  "Datadog's decimal id beside a good one": [`dd.trace_id=1234567890123456789 trace_id=${traceId}`, trace],
  "Amazon's id alone": [`1-${traceId.slice(0, 8)}-${traceId.slice(8)}`, trace],
  "Amazon's header with the id of its load balancer before it": [
    `Self=1-00000001-${'a'.repeat(24)};Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)}`,
    trace,
  ],
  "X-Ray's console": [
    `https://eu-west-1.console.aws.amazon.com/xray/home#/traces/1-${traceId.slice(0, 8)}-${traceId.slice(8)}`,
    trace,
  ],
  "Jaeger's own header in an escaped URL": [`${traceId}%3A${spanId}%3A0%3A1`, trace],
  "Jaeger's own header in an escaped query": [`uber-trace-id%3D${traceId}%3A${spanId}%3A0%3A1`, trace],
  'a UUID with en dashes': [uuid.replaceAll('-', '\u2013'), request],
  'a UUID with minus signs in a line': [`14:05 id ${uuid.replaceAll('-', '\u2212')}`, request],
  'a traceparent with non-breaking hyphens': [`00\u2011${traceId}\u2011${spanId}\u201101`, trace],
  'an id after a number': [`1606567920 slow trace_id=${traceId}`, trace],
  'the same id twice': [`traceparent: 00-${traceId}-${spanId}-01 trace_id=${traceId}`, trace],
  'the same id twice, in capitals': [`${traceId} ${traceId.toUpperCase()}`, trace],
  'the same request id twice in one header': [`x-request-id: ${uuid}, ${uuid}`, request],
  "X-Ray's part of CloudWatch": [
    `https://eu-west-1.console.aws.amazon.com/cloudwatch/home#xray:traces/1-${traceId.slice(0, 8)}-${traceId.slice(8)}`,
    trace,
  ],
  'a page that names the id as tid': [
    `https://console.cloud.google.com/traces/list?project=p&tid=${traceId}`,
    trace,
  ],
  'a page with the number of a project before the id': [`https://uptrace.example/traces/1/${traceId}`, trace],
  "Datadog's page of a decimal id": [
    'https://app.datadoghq.com/apm/trace/7470926534187354422?spanID=1',
    { kind: 'trace', traceId: '67ae1019a5470936'.padStart(32, '0') },
  ],
  'digits that Slack took for a telephone number': [
    '<tel:1234567890123456|1234567890123456>',
    { kind: 'trace', traceId: '1234567890123456'.padStart(32, '0') },
  ],
  'a link in a sentence': [`look: https://jaeger.example/trace/${traceId}!`, trace],
};

describe('text pasted after /trace', () => {
  it.each(Object.entries(understood))('%s', (_, [text, command]) => {
    expect(parseCommand('/trace', text)).toEqual({ ok: true, command, share: false });
  });

  it('is shared with the word share after it', () => {
    expect(parseCommand('/trace', `traceID=${traceId} took=1s share`)).toEqual({
      ok: true,
      command: trace,
      share: true,
    });
  });
});

const search = 'https://jaeger.example/search?lookback=custom&service=checkout.shop';

/** Texts without an id: the problem, and the suggestion; null without one. */
const refused: Readonly<Record<string, readonly [string, RegExp, string | null]>> = {
  'an id with a digit lost': [traceId.slice(1), /this one has 31/, `/trace 0${traceId.slice(1)}`],
  'a named id with a digit lost': [`trace_id=${traceId.slice(1)}`, /has 31/, `/trace 0${traceId.slice(1)}`],
  'zeros, which are no id': ['0'.repeat(32), /zeros means that the request was not traced/, null],
  'a traceparent of zeros': [
    `00-${'0'.repeat(32)}-${spanId}-01`,
    /zeros means that the request was not traced/,
    null,
  ],
  'data without an id': ['{"spanId":"def"}', /is not a \/trace command/, null],
  'a traceparent of the version that is none': [
    `ff-${traceId}-${spanId}-01`,
    /is not a \/trace command/,
    null,
  ],
  'a b3 header that only says no': ['b3: 0', /only says "do not sample"/, null],
  'a search, as the same command': [search, /search for traces/, '/trace slowest checkout.shop'],
  'a search with its time': [
    `${search}&start=1795183200000000&end=1795183800000000`,
    /search for traces/,
    '/trace slowest checkout.shop at 2026-11-20T14:00:00Z/2026-11-20T14:10:00Z',
  ],
  'a link to something else': ['https://kiali.example/console/overview', /link contains no trace id/, null],
  'a log line without an id that begins with a date': [
    '2020-11-28 12:52:00.00372 WARN slow',
    /"2020-11-28" is not a \/trace command/,
    null,
  ],
  'a date and time': ['2020-11-28T12:52:00.00372Z', /is not a \/trace command/, null],
  'an address with a port': ['10.0.0.1:54321', /is not a \/trace command/, null],
  'a log line without an id that begins with its level': ['WARN slow cart', /"WARN" is not/, null],
  'the name of a header': ['traceparent', /"traceparent" is the name of a header. Paste its value/, null],
  'a header with an id of zeros': [
    'traceparent: 00-00000000000000000000000000000000-0000000000000000-00',
    /A trace id of zeros means that the request was not traced/,
    null,
  ],
  'a header whose value holds no id': [
    'sw8: 1-MWVhMWY1-NWEx-3-c2Vydg==',
    /^No trace id or request id was found in the value of "sw8:"/,
    null,
  ],
  'the name of a header with its colon': ['X-B3-TraceId:', /is the name of a header/, null],
  'a header without an id': ['content-type: application/json', /holds no id/, null],
  'a header of a proxy without an id': ['x-envoy-upstream-service-time: 812', /holds no id/, null],
  'the name of such a header': ['user-agent', /holds no id/, null],
  'milliseconds since 1970': ['1700000000000', /is not a \/trace command/, null],
  'a compact date and time': ['20201128T125200Z', /is not a \/trace command/, null],
  'a compact date and time of digits': ['20201128125200', /is not a \/trace command/, null],
  'the name of a field': ['trace_id', /is the name of a header/, null],
  "Datadog's id alone": ['7470926534187354422', /decimal, as Datadog writes it/, '/trace 67ae1019a5470936'],
  "Sleuth's part of a line without a trace": ['[bar,,,] slow', /is not a \/trace command/, null],
  'a log line in which the id is null': [
    `{"level":"warn","request_id":null,"msg":"slow","path":"/cart","took":1.2}`,
    /is not a \/trace command, a trace id/,
    null,
  ],
  "a line of Istio's access log without an id": [
    accessLog('/', '-'),
    /no trace id, traceparent, b3 header, request id or link/,
    null,
  ],
};

describe('text pasted after /trace without an id', () => {
  it.each(Object.entries(refused))('%s', (_, [text, problem, suggestion]) => {
    const parsed = parseCommand('/trace', text);
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    expect(parsed.problem).toMatch(problem);
    expect(parsed.suggestion ?? null).toBe(suggestion);
  });
});

it('a service in quotes may be named like an id', () => {
  expect(parseCommand('/trace', `slowest "${traceId}"`)).toMatchObject({ command: { service: traceId } });
});

/** Texts with several ids, and the commands that are offered. */
const several: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  'two ids': [
    `${traceId} ${short}`,
    [traceId, short.padStart(32, '0'), `compare ${traceId} ${short.padStart(32, '0')}`],
  ],
  'two ids in a sentence': [
    `one ${traceId} two ${'b'.repeat(32)}`,
    [traceId, 'b'.repeat(32), `compare ${traceId} ${'b'.repeat(32)}`],
  ],
  'two log lines': [
    `trace_id=${traceId} slow\n[bar,${short},${spanId},true] slower`,
    [traceId, short.padStart(32, '0'), `compare ${traceId} ${short.padStart(32, '0')}`],
  ],
  'two request ids that are no UUIDs': [
    'x-request-id=abc-123 x-request-id=abc-124',
    ['request "abc-123"', 'request "abc-124"', 'compare "abc-123" "abc-124"'],
  ],
  'two request ids in one header': [
    `x-request-id: ${uuid},${other}`,
    [uuid, other, `compare ${uuid} ${other}`],
  ],
  'several UUIDs in a line': [`14:05 order ${other} user ${uuid}`, [other, uuid, `compare ${other} ${uuid}`]],
  'three ids': [
    [traceId, 'b'.repeat(32), 'c'.repeat(32)].map((id) => `trace_id=${id}`).join('\n'),
    [traceId, 'b'.repeat(32), 'c'.repeat(32)],
  ],
};

it.each(['why is ID slow?', 'slowest ID', 'propagation ID last 1h'])(
  'an id in place of a service is offered as one: "%s"',
  (text) => {
    expect(parseCommand('/trace', text.replace('ID', traceId))).toMatchObject({
      ok: false,
      problem: expect.stringContaining('the id of one request'),
      choices: [`/trace ${traceId}`],
    });
  },
);

describe('several ids after /trace are all offered', () => {
  it.each(Object.entries(several))('%s', (_, [text, choices]) => {
    const parsed = parseCommand('/trace', text);
    expect(parsed).toMatchObject(
      choices.length === 1
        ? { ok: true }
        : { ok: false, choices: choices.map((choice) => `/trace ${choice}`) },
    );
    for (const choice of choices) expect(parseCommand('/trace', choice).ok).toBe(true);
  });
});
