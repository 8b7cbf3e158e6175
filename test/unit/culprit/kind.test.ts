import { expect, it } from 'vitest';
import { findCulprit } from '../../../src/culprit/culprit.ts';
import { kindOf } from '../../../src/culprit/kind.ts';
import type { PieceKind } from '../../../src/culprit/piece.ts';
import { profileOf, type TraceProfile } from '../../../src/culprit/profile.ts';
import { type PieceDelta, scoreServices } from '../../../src/culprit/score.ts';
import { pieceText } from '../../../src/culprit/text.ts';
import { us as durationUs, epochUs } from '../../../src/lib/units.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

/** A piece of cart's calls by how long it takes in normal and in slow traces, in milliseconds. */
const piece = (kind: PieceKind, normal: number, slow: number): PieceDelta => ({
  key:
    kind === 'own'
      ? { kind, service: 'cart', operation: 'Add', callee: '' }
      : { kind, service: 'frontend', operation: 'Add', callee: 'cart' },
  normalPerCall: normal * 1_000,
  slowPerCall: slow * 1_000,
  normalCalls: 1,
  slowCalls: 1,
  price: (slow - normal) * 1_000,
  volume: 0,
});

const slower = (own: readonly [number, number], leg: number): readonly PieceDelta[] => [
  piece('own', ...own),
  piece('request', 1, leg),
  piece('response', 1, leg),
];

/** A trace in which the critical path led through cart's own work so often. */
function visited(piece: PieceDelta, time: number, visits: number): TraceProfile {
  const profile = profileOf(drawn('cart:s |=|'));
  if (profile === undefined) throw new Error('no profile');
  return { ...profile, pieces: new Map([[piece.key, { time, visits, calls: visits }]]) };
}

function kindOfCart(own: readonly [number, number], visits: number): string {
  const deltas = slower(own, 500);
  const [ownPiece] = deltas;
  const cart = scoreServices(deltas).find(({ service }) => service === 'cart');
  if (cart === undefined || ownPiece === undefined) throw new Error('cart is not scored');
  const slow = [visited(ownPiece, own[1] * 1_000, visits)];
  const normal = [visited(ownPiece, own[0] * 1_000, 1)];
  return kindOf(cart, deltas, { slow, normal, attributes: [] }).kind;
}

it.each([
  ['takes as long as before', [2, 2], 'network'],
  ['takes three times as long, next to nothing', [0.5, 1.6], 'network'],
  ['takes longer, but not several times', [10, 24], 'network'],
  ['takes several times as long: a starved process also sends and receives late', [1, 9], 'queueing'],
] as const)('connections 500 ms slower, and own work that %s', (_, own, kind) => {
  expect(kindOfCart(own, 1)).toBe(kind);
});

it('own work that is waited for more often, each time for as long as before, is no overload', () => {
  expect(kindOfCart([1, 9], 9)).toBe('network');
});

it('two statements of one database are two pieces by name', () => {
  const names = ['INSERT charges', 'SELECT customers'].map((operation) =>
    pieceText({ kind: 'database', service: 'payments', operation, callee: 'payments-db' }),
  );
  expect(names).toEqual([
    'payments database payments-db INSERT charges',
    'payments database payments-db SELECT customers',
  ]);
});

it('the service whose requests are compared, with all its calls late: no caller is there to show that its packets are', () => {
  const call = (kind: PieceKind, callee: string, slow: number): PieceDelta => ({
    ...piece(kind, 1, slow),
    key: { kind, service: 'payments', operation: callee, callee },
  });
  const kindWith = (database: number, leg: number) => {
    const deltas = [
      {
        ...piece('own', 2, 2),
        key: { kind: 'own', service: 'payments', operation: 'POST', callee: '' } as const,
      },
      call('database', 'payments-db', database),
      call('request', 'auth', leg),
      call('response', 'auth', leg),
    ];
    const first = scoreServices(deltas).find(({ service }) => service === 'payments');
    if (first === undefined) throw new Error('payments is not scored');
    return kindOf(first, deltas, { slow: [], normal: [], attributes: [] });
  };
  expect(kindWith(560, 140)).toMatchObject({ kind: 'network', detail: '' });
  // One slow database beside a call that takes as long as before is that database.
  expect(kindWith(560, 1)).toMatchObject({ kind: 'database', detail: 'payments-db' });
});

it('a new version is to blame where it has the slowdown, not where it began beside other slow requests', () => {
  const deltas = [piece('own', 10, 400), piece('request', 1, 1), piece('response', 1, 1)];
  const cart = scoreServices(deltas).find(({ service }) => service === 'cart');
  if (cart === undefined) throw new Error('cart is not scored');
  const profile = (version: string, milliseconds: number) => ({
    duration: milliseconds * 1_000,
    instances: new Map(),
    trace: aTrace('1', [{ serviceName: 'cart', attributes: { 'service.version': version } }]),
  });
  const many = (count: number, version: string, milliseconds: number) =>
    Array.from({ length: count }, () => profile(version, milliseconds) as unknown as TraceProfile);
  const kindWith = (old: number, ofNew: number) =>
    kindOf(cart, deltas, {
      slow: [...many(6, 'v1', old), ...many(15, 'v2', ofNew)],
      normal: many(20, 'v1', 30),
      attributes: [
        {
          service: 'cart',
          attribute: 'version',
          value: 'v2',
          slow: 15,
          ofSlow: 21,
          normal: 0,
          ofNormal: 20,
          probability: 0.001,
        },
      ],
    });
  expect(kindWith(40, 420)).toEqual({ kind: 'new-version', detail: 'v2' });
  expect(kindWith(420, 420)).toMatchObject({ kind: 'own-code' });
});

it.each([0, 20, 100])(
  'attempts with client spans of their own, %s ms apart, are retries of what they call',
  (pause) => {
    const us = (milliseconds: number) => milliseconds * 1_000;
    const id = (number: number): string => String(number).padStart(16, '0');
    /** A request that calls pay, which answers the last attempt only. */
    const request = (number: number, attempts: number): Trace => {
      const at = (offset: number) => epochUs(1_700_000_000_000_000 + us(number * 10_000 + offset));
      const took = 20 + attempts * 30 + (attempts - 1) * pause + (number % 5);
      const calls = Array.from({ length: attempts }, (_, i): Partial<Span>[] => {
        const isError = i < attempts - 1;
        const start = 5 + i * (30 + pause);
        const call = {
          spanName: 'POST /charge',
          isError,
          attributes: { 'http.status_code': isError ? 503 : 200 },
        };
        return [
          {
            ...call,
            serviceName: 'front',
            kind: 'client',
            parentSpanId: id(1),
            start: at(start),
            duration: durationUs(us(30)),
          },
          {
            ...call,
            serviceName: 'pay',
            kind: 'server',
            parentSpanId: id(2 + 2 * i),
            start: at(start + 1),
            duration: durationUs(us(28)),
          },
        ];
      });
      const entry: Partial<Span> = {
        serviceName: 'front',
        spanName: 'GET /',
        kind: 'server',
        start: at(0),
        duration: durationUs(us(took)),
      };
      return aTrace(number.toString(16), [entry, ...calls.flat()]);
    };
    const slow = Array.from({ length: 30 }, (_, i) => request(i + 1, 3));
    const normal = Array.from({ length: 30 }, (_, i) => request(i + 101, 1));
    const result = findCulprit(slow, normal);
    if (result.kind !== 'compared') throw new Error(result.kind);
    expect(result.candidates[0]).toMatchObject({
      service: 'pay',
      kind: 'retries',
      operation: 'POST /charge',
    });
    expect(result.candidates[0]?.share).toBeCloseTo(1, 1);
  },
);
