import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import { createRedactTrace } from '../../../src/traces/redact-trace.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';

const SPAN: Span = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  serviceName: 'checkout.shop',
  spanName: 'GET /cart',
  kind: 'server',
  start: epochUs(1_700_000_000_000_000),
  duration: us(812_000),
  attributes: {},
  resource: {},
  events: [],
  isError: false,
  warnings: [],
};
const traceOf = (fields: Partial<Span>): Trace => ({
  traceId: SPAN.traceId,
  spans: [{ ...SPAN, ...fields }],
});
const redactedBy = (fields: Partial<Span>, options: Partial<Parameters<typeof createRedactTrace>[0]> = {}) =>
  createRedactTrace({ patterns: [], ...options })(traceOf(fields)).spans[0] as Span;

describe('a secret in', () => {
  const SECRET = 'alice@example.com';
  const fields: Readonly<Record<string, Partial<Span>>> = {
    'the service name': { serviceName: SECRET },
    'the span name': { spanName: `GET /users/${SECRET}` },
    'an attribute': { attributes: { 'url.path': `/users/${SECRET}` } },
    "an attribute's name": { attributes: { [`x.${SECRET}`]: 1 } },
    'an attribute that the analysis reads': {
      attributes: { 'http.url': `/${SECRET}`, 'peer.service': SECRET },
    },
    'the request id': { attributes: { 'guid:x-request-id': SECRET } },
    'the resource': { resource: { 'host.name': SECRET } },
    'an event': { events: [{ at: SPAN.start, attributes: { 'exception.message': `no user ${SECRET}` } }] },
    'a warning': { warnings: [`invalid tag ${SECRET}`] },
  };

  it.each(Object.entries(fields))('%s is removed', (_where, planted) => {
    const span = redactedBy(planted);
    expect(JSON.stringify(span)).not.toContain('alice');
    expect(JSON.stringify(span)).toContain('[redacted]');
  });

  it('every field that holds text is covered', () => {
    const planted = new Set(Object.values(fields).flatMap((field) => Object.keys(field)));
    const texts = Object.keys(SPAN).filter(
      (key) => !/^(?:traceId|spanId|kind|start|duration|isError)$/.test(key),
    );
    expect(planted).toEqual(new Set(texts));
  });
});

describe('an attribute', () => {
  it.each([
    ['http.request.header.authorization', 'anything'],
    ['http.request.header.set-cookie', 'a=b'],
    ['app.api_key', 'k'],
    ['user.password', 'x'],
    ['card.number', 4_111_111_111_111_111],
    ['customer.card', '4111-1111-1111-1111'],
  ])('%s is hidden', (name, value) => {
    expect(redactedBy({ attributes: { [name]: value } }).attributes).toEqual({ [name]: '[redacted]' });
  });

  it.each([
    ['http.status_code', 500],
    ['retry', true],
    ['gen_ai.usage.input_tokens', 4_111],
    ['guid:x-request-id', '4111111111111111'],
    ['node_id', 'sidecar~10.8.1.2~payments-6d4f-x2b9.shop~shop.svc.cluster.local'],
  ])('%s is kept as it is', (name, value) => {
    expect(redactedBy({ attributes: { [name]: value } }).attributes).toEqual({ [name]: value });
  });

  it('matches a pattern of the configuration by its name or in its value', () => {
    const attributes = { 'shop.customer': 'Smith', note: 'for cust-77' };
    expect(redactedBy({ attributes }, { patterns: ['customer', 'cust-\\d+'] }).attributes).toEqual({
      'shop.customer': '[redacted]',
      note: 'for [redacted]',
    });
  });

  it('is removed in the allow-list mode unless it is on the list or the analysis reads it', () => {
    const attributes = {
      'http.url': '/cart',
      'db.statement': 'SELECT 1',
      response_flags: 'UT',
      'user.name': 'Smith',
    };
    const allowed = ['http.*'];
    expect(redactedBy({ attributes, resource: attributes }, { allowed })).toMatchObject({
      attributes: { 'http.url': '/cart', response_flags: 'UT' },
      resource: { 'http.url': '/cart', response_flags: 'UT' },
    });
    expect(Object.keys(redactedBy({ attributes }, { allowed }).attributes)).toEqual([
      'http.url',
      'response_flags',
    ]);
  });
});

it('ids, times and values without a secret are the same objects or values as before', () => {
  expect(redactedBy({ attributes: { a: 'b' } })).toEqual({ ...SPAN, attributes: { a: 'b' } });
});
