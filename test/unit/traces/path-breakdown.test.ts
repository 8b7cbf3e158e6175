import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import { criticalPathOf } from '../../../src/traces/critical-path.ts';
import { pathBreakdown } from '../../../src/traces/path-breakdown.ts';
import type { Attributes, Span, Trace } from '../../../src/traces/trace.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { MANY_SPANS } from '../../support/runs.ts';

/** Gives a span of a drawing its attributes. */
function tagged(drawing: string, tags: Readonly<Record<string, Attributes>> = {}): Trace {
  const trace = drawn(drawing);
  return {
    ...trace,
    spans: trace.spans.map((span) => ({ ...span, attributes: tags[span.spanId] ?? {} })),
  };
}

const rows = (trace: Trace): readonly string[] =>
  pathBreakdown(criticalPathOf(buildTree(trace).roots[0]!)).map(
    ({ service, kind, peer, time, potentialSaving, spans }) =>
      `${service} ${kind} ${peer} ${time / 1_000}${potentialSaving === time ? '' : ` at most ${potentialSaving / 1_000}`}${spans > 1 ? ` in ${spans}` : ''}`,
  );

/** Own code in spans that Envoy named after the host of their service. */
const requestLineIn = (...urls: readonly string[]): string | undefined => {
  const drawing = `
    a:s      |==================|
    b:s<a      |=====|
    c:s<b       |==|
    d:s<c        ||
  `;
  const trace = tagged(
    drawing,
    Object.fromEntries(['b', 'a', 'c', 'd'].map((spanId, i) => [spanId, { 'http.url': urls[i] ?? '' }])),
  );
  const spans = trace.spans.map((span) => ({ ...span, serviceName: 'shop.a', spanName: 'shop.a.svc:80/*' }));
  return pathBreakdown(criticalPathOf(buildTree({ ...trace, spans }).roots[0]!))[0]?.requestLine;
};

describe('the request line of own code', () => {
  it.each([
    ['one thing: it is said', ['/cart', '/cart', '/cart', '/cart'], '/cart'],
    ['one kind of thing: without what differs', ['/cart/1', '/cart/2', '/cart/3', '/cart/4'], '/cart/{id}'],
    ['nothing that is known: the name of the spans stands', [], undefined],
    ['nothing that is known of one: the same', ['/cart', '/cart', ''], undefined],
    ['two things: the one that took longer first', ['/stock', '/cart', '/cart', '/cart'], '/cart, /stock'],
    ['several things: two are said', ['/stock', '/cart', '/mail', '/pay'], '/cart, /stock and 2 more'],
  ])('%s', (_, urls, expected) => {
    expect(requestLineIn(...urls)).toBe(expected);
  });
});

describe('a span whose name is a method and nothing else', () => {
  const path = (name: string, kind: Span['kind'], attributes: Attributes) =>
    pathBreakdown(
      criticalPathOf(buildTree(aTrace('1', [{ kind, spanName: name, attributes }])).roots[0]!),
    ).map(({ kind: spentOn, requestLine }) => `${spentOn} ${requestLine ?? '-'}`);

  it.each([
    ['own work', 'GET', 'server', { 'http.method': 'GET', 'http.path': '/cart/17' }, 'own GET /cart/{id}'],
    ['a call to nobody knows whom', 'http post', 'client', { 'url.path': '/charge' }, 'call /charge'],
    ['without a path', 'PUT', 'server', {}, 'own -'],
    ['a name that only begins so', 'get user', 'server', { 'http.path': '/user' }, 'own -'],
  ] as const)('has its request line: %s', (_, name, kind, attributes, expected) => {
    expect(path(name, kind, attributes)).toEqual([expected]);
  });
});

describe('what the critical path was spent on', () => {
  interface Case {
    drawing: string;
    tags?: Readonly<Record<string, Attributes>>;
    expected: readonly string[];
  }
  const cases: Readonly<Record<string, Case>> = {
    'own code, and the way to a service and back': {
      drawing: `
        shop:s         |==================|
        cart:c<shop      |===========|
        pay:s<cart         |======|
      `,
      expected: ['pay own  7', 'shop own  7', 'cart network pay 5'],
    },
    'the way to the proxy beside the caller, which made the call of its own': {
      drawing: `
        shop:s         |==================|
        cart:c<shop      |=============|
        side:c<cart        |=========|
        pay:s<side           |====|
      `,
      expected: ['pay own  5', 'shop own  5', 'side network pay 5', 'cart network pay 4'],
    },
    'the pause between two attempts': {
      drawing: `
        shop:c         |===================|
        try1@pay:s<shop  |!!!|
        try2@pay:s<shop          |====|
      `,
      expected: ['pay own  9 in 2', 'shop network pay 7', 'shop retry pay 4'],
    },
    'a statement, with the name of the database': {
      drawing: `
        shop:s         |=========|
        read:c<shop      |====|
      `,
      tags: { read: { 'db.system': 'mysql', 'peer.service': 'orders-db' } },
      expected: ['read database orders-db 5', 'shop own  5'],
    },
    'a statement whose database has no other name than its kind': {
      drawing: 'read:c |====|',
      tags: { read: { 'db.system': 'mysql' } },
      expected: ['read database mysql 5'],
    },
    'something in the mesh that has no span': {
      drawing: 'shop:c |====|',
      tags: { shop: { upstream_cluster: 'outbound|8080|v2|pay.shop.svc.cluster.local' } },
      expected: ['shop call pay.shop 5'],
    },
    'something outside, by its address': {
      drawing: 'shop:c |====|',
      tags: { shop: { upstream_cluster: '-', 'http.url': 'https://user@pay.example:8443/charge?x' } },
      expected: ['shop call pay.example 5'],
    },
    'statements as Brave records them': {
      drawing: 'read:c |====|',
      tags: { read: { 'sql.query': 'select 1' } },
      expected: ['read database  5'],
    },
    'own code and the way to a service, where no client span tells the two apart': {
      drawing: `
        shop:s         |==================|
        pay:s<shop         |======|
      `,
      expected: ['shop own pay 12', 'pay own  7'],
    },
    'own code and the ways to several': {
      drawing: `
        shop:s         |==================|
        pay:s<shop         |===|
        mail:s<shop               |==|
      `,
      expected: ['shop own other services 12', 'pay own  4', 'mail own  3'],
    },
    'own code alone where what another service did was not waited for': {
      drawing: `
        shop:s         |==================|
        mail:s<shop               |~~|
      `,
      expected: ['shop own  19'],
    },
    'something that nothing names': { drawing: 'shop:c |====|', expected: ['shop call  5'] },
    'a server that is not on the path leaves all of it to the network': {
      drawing: `
        shop:c         |====|
        pay:s<shop       |
      `,
      expected: ['shop network pay 5'],
    },
    'what ran beside it bounds what it would save': {
      drawing: `
        shop    |==========|
        a<shop    |======|
        b<shop   |====|
      `,
      expected: ['a own  7 at most 3', 'shop own  4'],
    },
  };
  it.each(Object.entries(cases))('%s', (_, { drawing, tags, expected }) => {
    expect(rows(tagged(drawing, tags))).toEqual(expected);
  });

  it('adds up spans of one name', () => {
    const { traceId, spans } = drawn(`
      shop    |=================|
      a<shop    |===|
      b<shop         |===|
      c<shop             |===|
    `);
    const same = spans.map((span) =>
      span.spanId === 'shop' ? span : { ...span, serviceName: 'db', spanName: 'read' },
    );
    expect(rows({ traceId, spans: same })).toEqual(['db own  12 in 3', 'shop own  6']);
  });

  it('keeps calls apart that nothing but their names tells', () => {
    const { traceId, spans } = drawn(`
      shop:s         |====================|
      r1:c<shop       |==|
      r2:c<shop           |==|
      w:c<shop                  |===|
    `);
    const named = spans.map((span) => ({
      ...span,
      serviceName: 'shop',
      spanName: span.spanId.replace(/\d/, ''),
    }));
    expect(rows({ traceId, spans: named })).toEqual(['shop own  11', 'shop call  6 in 2', 'shop call  4']);
  });

  it('takes a call with very many attempts', () => {
    const attempts = MANY_SPANS;
    const trace = aTrace('1', [
      { spanId: 'call', spanName: 'call', kind: 'client', start: epochUs(0), duration: us(4 * attempts) },
      ...Array.from(
        { length: attempts },
        (_, i): Partial<Span> => ({
          spanId: `try ${i}`,
          parentSpanId: 'call',
          serviceName: 'pay',
          spanName: 'charge',
          kind: 'server',
          isError: i < attempts - 1,
          start: epochUs(4 * i),
          duration: us(3),
        }),
      ),
    ]);
    expect(pathBreakdown(criticalPathOf(buildTree(trace).roots[0]!))).toMatchObject([
      { kind: 'own', service: 'pay', time: 3 * attempts, spans: attempts },
      { kind: 'retry', peer: 'pay', time: attempts - 1, spans: 1 },
      { kind: 'network', peer: 'pay', time: 1, spans: 1 },
    ]);
  });
});
