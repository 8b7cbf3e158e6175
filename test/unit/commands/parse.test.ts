import { describe, expect, it } from 'vitest';
import type { SlashCommand } from '../../../src/commands/command.ts';
import { parseCommand } from '../../../src/commands/commands.ts';
import type { SlowestCommand } from '../../../src/commands/trace-slowest.ts';

const MIN = 60_000;
const HOUR = 3_600_000;

const slowest = (over: Partial<SlowestCommand> = {}): unknown => ({
  kind: 'slowest',
  service: 'checkout',
  last: 30 * MIN,
  top: 5,
  ...over,
});
const t = Date.UTC;
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const inspect = (id: string): unknown => ({ kind: 'trace', traceId: id });
const uuid = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';

type Understood = readonly [SlashCommand, string, unknown, boolean?];

const understood: Readonly<Record<string, Understood>> = {
  'the shortest form has its defaults': ['/trace', 'slowest checkout', slowest()],
  'all options in the documented order': [
    '/trace',
    'slowest checkout last 1h30m op GET /cart over 500ms top 3 share',
    slowest({ last: 90 * MIN, operation: 'GET /cart', over: 500, top: 3 } as never),
    true,
  ],
  'only failed requests, as the button of an error rule asks for them': [
    '/trace',
    'slowest checkout failed top 3',
    slowest({ failed: true, top: 3 }),
  ],
  'a service of the name of an option, in quotes': [
    '/trace',
    'slowest "failed"',
    slowest({ service: 'failed' }),
  ],
  'options in any order, even before the service': [
    '/trace',
    'slowest top 20 over 2s last 1d checkout',
    slowest({ last: 24 * HOUR, over: 2_000, top: 20 } as never),
  ],
  'keywords in any case': [
    '/trace',
    'SLOWEST checkout LAST 5M Over 1S Share',
    slowest({ last: 5 * MIN, over: 1_000 } as never),
    true,
  ],
  'a quoted operation with keywords in it': [
    '/trace',
    'slowest checkout op "last over top" top 2',
    slowest({ operation: 'last over top', top: 2 }),
  ],
  'the quotes a phone types': [
    '/trace',
    'slowest checkout op \u201cGET /cart items\u201d last 5m',
    slowest({ operation: 'GET /cart items', last: 5 * MIN } as never),
  ],
  'single quotes, and single smart quotes': [
    '/trace',
    "slowest 'checkout' op \u2018POST /charge\u2019",
    slowest({ operation: 'POST /charge' }),
  ],
  'an operation as Slack escapes it': [
    '/trace',
    'slowest checkout op "a &lt;b&gt; &amp; c"',
    slowest({ operation: 'a <b> & c' }),
  ],
  'a service that Slack took for a web address': [
    '/trace',
    'slowest <http://checkout.shop|checkout.shop> last 5m',
    slowest({ service: 'checkout.shop', last: 5 * MIN } as never),
  ],
  'a service whose name is a keyword, in quotes': [
    '/trace',
    'slowest "top" top 1',
    slowest({ service: 'top', top: 1 }),
  ],
  'invisible characters of copied text': ['/trace', '\u200bslowest\u00a0checkout\u2060', slowest()],
  'a name copied with its backticks': ['/trace', 'slowest `checkout`', slowest()],
  'a fixed window': [
    '/trace',
    'slowest checkout at 2026-11-20T14:00:00Z/2026-11-20T14:10:00.250Z',
    slowest({
      last: 10 * MIN + 250,
      window: { start: t(2026, 10, 20, 14), end: t(2026, 10, 20, 14, 10, 0, 250) },
    } as never),
  ],
  'a window in a zone of its own': [
    '/trace',
    'slowest checkout at 2026-02-28T23:30+01:00/2026-03-01T00:30+01:00',
    slowest({ last: HOUR, window: { start: t(2026, 1, 28, 22, 30), end: t(2026, 1, 28, 23, 30) } } as never),
  ],
  'a trace id': ['/trace', traceId, inspect(traceId)],
  'a trace id in capitals, to be shared': [
    '/trace',
    `${traceId.toUpperCase()} share`,
    inspect(traceId),
    true,
  ],
  'a short trace id is padded': ['/trace', '687eda40ed5b1dc3', inspect('0000000000000000687eda40ed5b1dc3')],
  'a traceparent header': ['/trace', `00-${traceId}-00f067aa0ba902b7-01`, inspect(traceId)],
  'a link of Jaeger': ['/trace', `https://jaeger.example/trace/${traceId}`, inspect(traceId)],
  'a link below a base path, with a search in it': [
    '/trace',
    `https://ops.example/jaeger/ui/trace/${traceId}?uiFind=error`,
    inspect(traceId),
  ],
  'a link as Slack wraps it': [
    '/trace',
    `<https://jaeger.example/trace/${traceId}|jaeger.example/trace/4bf9…>`,
    inspect(traceId),
  ],
  'a bare link as Slack wraps it': ['/trace', `<https://jaeger.example/trace/${traceId}>`, inspect(traceId)],
  'a link to the API': ['/trace', `http://jaeger:16686/api/v3/traces/${traceId}`, inspect(traceId)],
  'a link of Kiali': [
    '/trace',
    `https://kiali/console/namespaces/shop/services/checkout?tab=traces&amp;traceId=${traceId}&amp;spanId=aa`,
    inspect(traceId),
  ],
  'a link with an id that lost its leading zeros': [
    '/trace',
    'http://jaeger/trace/687eda40ed5b1dc3',
    inspect('0000000000000000687eda40ed5b1dc3'),
  ],
  'a request id': ['/trace', uuid, { kind: 'request', requestId: uuid }],
  'a request id in capitals is kept as it is': [
    '/trace',
    uuid.toUpperCase(),
    { kind: 'request', requestId: uuid.toUpperCase() },
  ],
  'a request id that is not a UUID': [
    '/trace',
    'request req-12345',
    { kind: 'request', requestId: 'req-12345' },
  ],
  'help about a command': ['/trace', 'help', { kind: 'help', slash: '/trace' }],
  'help about another': ['/slo', 'HELP', { kind: 'help', slash: '/slo' }],
  'latency with its default': ['/latency', 'checkout', { kind: 'latency', service: 'checkout', last: HOUR }],
  'latency over a time': [
    '/latency',
    'last 15m checkout share',
    { kind: 'latency', service: 'checkout', last: 15 * MIN },
    true,
  ],
  'latency of one request': [
    '/latency',
    `checkout ${uuid}`,
    { kind: 'request-latency', service: 'checkout', request: { kind: 'request', requestId: uuid } },
  ],
  'latency of one request, the other way round': [
    '/latency',
    `${uuid} checkout`,
    { kind: 'request-latency', service: 'checkout', request: { kind: 'request', requestId: uuid } },
  ],
  'slo without a word': ['/slo', '', { kind: 'slo-status' }],
  'slo status, shared': ['/slo', 'status share', { kind: 'slo-status' }, true],
};

describe('a valid command', () => {
  it.each(Object.entries(understood))('%s', (_, [command, text, expected, share = false]) => {
    expect(parseCommand(command, text)).toEqual({ ok: true, command: expected, share });
  });
});
