import { describe, expect, it } from 'vitest';
import { profileOf } from '../../../src/culprit/profile.ts';
import { criticalPathOf } from '../../../src/traces/critical-path.ts';
import { hopEdgesOf } from '../../../src/traces/hops.ts';
import { pathBreakdown } from '../../../src/traces/path-breakdown.ts';
import { retriesOf } from '../../../src/traces/trace-summary.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { timed } from '../../support/timed-trace.ts';

/** `shop network pay 11`: what the critical path was spent on, in milliseconds. */
const entries = (text: string): readonly string[] => {
  const [root] = buildTree(timed(text)).roots;
  return root === undefined
    ? []
    : pathBreakdown(criticalPathOf(root)).map(({ service, kind, peer, time }) =>
        [service, kind, peer, time / 1_000].filter((part) => part !== '').join(' '),
      );
};

const retries = (text: string) =>
  retriesOf(buildTree(timed(text))).map(
    ({ attempts, failed, abandoned }) => `${attempts} attempts, ${failed} failed, ${abandoned} abandoned`,
  );

/** The same as the culprit's comparison sees it: `shop retry pay 19`. */
const pieces = (text: string): string[] =>
  [...(profileOf(timed(text))?.pieces ?? [])]
    .filter(([, { time }]) => time !== 0)
    .map(([{ service, kind, callee }, { time }]) =>
      [service, kind, callee, time / 1_000].filter((part) => part !== '').join(' '),
    );

describe('several servers under one client', () => {
  it('of which some ran at the same time and none failed are no retries', () => {
    const text = `
      shop client 0-50
        customers server 1-10
        customers server 11-30
        mirror server 11-29
        audit server 31-40
    `;
    expect(retries(text)).toEqual([]);
    expect(entries(text)).toContain('shop network 3 services 13');
    expect(pieces(text).join()).not.toContain('retry');
  });

  const own: Readonly<Record<string, { text: string; retries: readonly string[]; pause: boolean }>> = {
    'of which the first failed': {
      text: `
        shop server 0-40
          shop client 2-10 error=true name=POST
            pay server 3-9 error=true
          shop client 20-38 name=POST
            pay server 21-37
      `,
      retries: ['2 attempts, 1 failed, 0 abandoned'],
      pause: true,
    },
    'of a gateway, which proxies each attempt by a span of its own': {
      text: `
        gateway server 0-40
          gateway client 2-3 http.status_code=503 upstream_cluster=outbound|80||pay.shop.svc.cluster.local
          gateway client 5-6 http.status_code=503 upstream_cluster=outbound|80||pay.shop.svc.cluster.local
          gateway client 9-38 http.status_code=200 upstream_cluster=outbound|80||pay.shop.svc.cluster.local
      `,
      retries: ['3 attempts, 2 failed, 0 abandoned'],
      pause: true,
    },
    'of a loop, of which one failed': {
      text: `
        shop server 0-40
          shop client 2-10 name=POST
          shop client 11-19 error=true name=POST
          shop client 22-38 name=POST
      `,
      retries: [],
      pause: false,
    },
    'for different addresses': {
      text: `
        shop server 0-40
          shop client 2-10 error=true name=GET http.url=http://pay/1
          shop client 20-38 name=GET http.url=http://pay/2
      `,
      retries: [],
      pause: false,
    },
    'at the same time': {
      text: `
        shop server 0-40
          shop client 2-30 error=true name=GET
          shop client 3-38 name=GET
      `,
      retries: [],
      pause: false,
    },
  };
  it.each(Object.entries(own))('client spans %s', (_, { text, retries: expected, pause }) => {
    expect(retries(text)).toEqual(expected);
    expect(entries(text).join().includes('retry')).toBe(pause);
  });

  const none: Readonly<Record<string, string>> = {
    'of different services': 'shop client 0-50\n  pay server 1-10\n  mail server 20-40',
    'of which one failed and another service came next':
      'shop client 0-50\n  pay server 1-10 error=true\n  mail server 20-40',
    'of different operations':
      'shop client 0-50\n  pay server 1-10 error=true name=check\n  pay server 20-40 name=charge',
    'for different addresses':
      'shop client 0-50\n  pay server 1-10 error=true http.target=/1\n  pay server 20-40 http.target=/2',
    'of which none failed': 'shop client 0-50\n  pay server 1-10\n  pay server 20-40',
    'that failed at the same time':
      'shop client 0-50\n  pay server 1-30 error=true\n  pay server 2-40 error=true',
    'that both outlived the client': 'shop client 0-50\n  pay server 1-90\n  pay server 1.5-95',
  };
  it.each(Object.entries(none))('%s are no retries', (_, text) => {
    expect(retries(text)).toEqual([]);
    expect(entries(text).join()).not.toContain('retry');
    expect(pieces(text).join()).not.toContain('retry');
  });

  it('in sequence, of different services, were called by one client', () => {
    expect(entries(none['of different services'] ?? '')).toContain('shop network 2 services 21');
  });

  it('are retries when each but the last failed', () => {
    const text = 'shop client 0-50\n  pay server 1-10 error=true\n  pay server 20-40';
    expect(retries(text)).toEqual(['2 attempts, 1 failed, 0 abandoned']);
    expect(entries(text)).toContain('shop retry pay 10');
    expect(pieces(text)).toContain('shop retry pay 19');
    expect(retries('shop client 0-50\n  pay server 1-10 http.status_code=429\n  pay server 20-40')).toEqual([
      '2 attempts, 1 failed, 0 abandoned',
    ]);
  });

  it('are retries when the client abandoned one, which went on working', () => {
    const text = 'shop client 0-50\n  pay server 1-80\n  pay server 30-48';
    expect(retries(text)).toEqual(['2 attempts, 0 failed, 1 abandoned']);
    expect(entries(text)).toEqual(['shop retry pay 29', 'pay own 18', 'shop network pay 3']);
    expect(retries('shop client 0-50\n  pay server 1-28 response_flags=DC\n  pay server 26-48')).toEqual([
      '2 attempts, 0 failed, 1 abandoned',
    ]);
  });

  it('one that outlives the client did not answer', () => {
    const text = 'shop client 0-50\n  pay server 1-40\n  mirror server 2-80';
    expect(entries(text)).toEqual(['pay own 39', 'shop network 2 services 11']);
    expect(pieces(text)).not.toContainEqual(expect.stringContaining('mirror own'));
  });
});

describe('the time of a client beside its server', () => {
  const withOwnWork = `
    shop client 0-46
      pay server 1-31
      shop internal 38-39
  `;
  it('is own code after the server where a child of the client follows', () => {
    expect(entries(withOwnWork)).toEqual(['pay own 30', 'shop own 14', 'shop network pay 1', 'shop own 1']);
    expect(pieces(withOwnWork).sort()).toEqual([
      'pay own 30',
      'shop own 1',
      'shop own 14',
      'shop request pay 1',
    ]);
    expect(hopEdgesOf(buildTree(timed(withOwnWork)))).toEqual([]);
  });

  it('is own code before the server where a child of the client precedes it', () => {
    const text = 'shop client 0-46\n  shop internal 0-10\n  pay server 15-45';
    expect(entries(text)).toEqual(['pay own 30', 'shop own 10', 'shop own 5', 'shop network pay 1']);
    expect(pieces(text).sort()).toEqual(['pay own 30', 'shop own 10', 'shop own 5', 'shop response pay 1']);
  });

  it.each([
    ['tcp.connect', 'dns.lookup', 'tls.connect'],
    ['http.getconn', 'http.dns', 'http.tls'],
    ['socket connect 10.0.0.1', 'DNS lookup pay', 'TLS client handshake'],
    ['CONNECT', 'RESOLVE', 'SSL handshake'],
    ['pg-pool.connect', 'dns', 'ssl.connect'],
  ])('is connection setup in %s, %s and %s', (connect, lookup, tls) => {
    const name = (text: string) => text.replaceAll(' ', '·');
    const [root] = buildTree(
      (({ traceId, spans }) => ({
        traceId,
        spans: spans.map((span) => ({ ...span, spanName: span.spanName.replaceAll('·', ' ') })),
      }))(
        timed(`
          shop client 0-50
            shop internal 0-10 name=${name(lookup)}
            shop internal 10-15 name=${name(connect)}
            shop internal 15-20 name=${name(tls)}
            pay server 21-48
        `),
      ),
    ).roots;
    expect(
      root === undefined
        ? []
        : pathBreakdown(criticalPathOf(root)).map(({ kind, peer, time }) => [kind, peer, time / 1_000]),
    ).toEqual([
      ['own', '', 27],
      ['connection', 'pay', 20],
      ['network', 'pay', 3],
    ]);
  });

  it('is connection setup for the culprit too, and the rest of the way network', () => {
    const text = 'shop client 0-50\n  shop internal 0-20 name=tcp.connect\n  pay server 21-48';
    expect(pieces(text).sort()).toEqual([
      'pay own 27',
      'shop connection pay 20',
      'shop request pay 1',
      'shop response pay 2',
    ]);
  });

  it('is no network at all where a client span contains several calls', () => {
    const text = `
      shop client 0-60
        shop client 1-20
          pay server 2-19
        shop client 40-58
          mail server 41-57
    `;
    expect(entries(text)).toContain('shop own 23');
    expect(pieces(text)).toContain('shop own 23');
    // Each counts as a call of its own.
    const calls = [...(profileOf(timed(text))?.pieces ?? [])].map(
      ([key, piece]) => `${key.kind} ${key.callee} ${piece.calls}`,
    );
    expect(calls).toEqual(expect.arrayContaining(['request pay 1', 'request mail 1']));
  });

  it('is network to the server below the client spans of a library and a proxy', () => {
    const text = 'shop client 0-50\n  shop client 1-49\n    proxy client 2-48\n      pay server 4-46';
    expect(entries(text)).toEqual(['pay own 42', 'proxy network pay 4', 'shop network pay 4']);
  });
});
