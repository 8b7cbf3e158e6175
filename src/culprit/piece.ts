import type { Span } from '../traces/trace.ts';

/**
 * What a stretch of a critical path was spent on.
 * - `own`: the code of a service
 * - `request`, `response`: from a caller to the service it called, and back
 * - `connection`: the setup of a connection to the service called
 * - `database`, `external`: a call without a span of the other side
 * - `retry`: attempts before the last one
 */
export type PieceKind = 'own' | 'request' | 'response' | 'connection' | 'database' | 'external' | 'retry';

/** Time on critical paths under one key: a kind, a service, an operation, and for calls the service called. */
export interface PieceKey {
  readonly kind: PieceKind;
  /** The service whose time it is; of a call, the caller. */
  readonly service: string;
  /** Of `own` the span's name; of a call the operation that was called. */
  readonly operation: string;
  /** The called service, database or host; empty for `own`. */
  readonly callee: string;
}

type Named = Pick<Span, 'serviceName' | 'spanName'>;

/** The legs of a call, and the attempts at it. */
interface CallKeys {
  readonly request: PieceKey;
  readonly response: PieceKey;
  readonly retry: PieceKey;
}

/** The keys of a comparison. Each is one object, whichever span it is made for: what is counted by key is counted by identity. */
export interface PieceKeys {
  /** A service's own code in one operation. */
  own(span: Named): PieceKey;
  call(client: Named, server: Named): CallKeys;
  /** A call without a span of the other side. */
  unanswered(
    client: Named,
    to: { readonly kind: 'database' | 'external'; readonly callee: string },
  ): PieceKey;
  /** The setup of a connection by a client: all of it counts per call, whether or not the call needed one. */
  connection(client: Named, callee: string): PieceKey;
}

type Nested<Value> = Map<string, Map<string, Map<string, Value>>>;

/** The value under three names, made when it is first needed. */
function valueAt<Value>(
  values: Nested<Value>,
  [first, second, third]: readonly [string, string, string],
  make: () => Value,
): Value {
  let inner = values.get(first);
  if (inner === undefined) values.set(first, (inner = new Map()));
  let innermost = inner.get(second);
  if (innermost === undefined) inner.set(second, (innermost = new Map()));
  let value = innermost.get(third);
  if (value === undefined) innermost.set(third, (value = make()));
  return value;
}

export function createPieceKeys(): PieceKeys {
  const calls: Nested<CallKeys> = new Map();
  const others: Readonly<Record<'own' | 'database' | 'external' | 'connection', Nested<PieceKey>>> = {
    own: new Map(),
    database: new Map(),
    external: new Map(),
    connection: new Map(),
  };
  const other = (
    kind: keyof typeof others,
    service: string,
    [operation, callee]: readonly [string, string],
  ) => valueAt(others[kind], [service, callee, operation], () => ({ kind, service, operation, callee }));
  return {
    own: ({ serviceName, spanName }) => other('own', serviceName, [spanName, '']),
    unanswered: ({ serviceName, spanName }, { kind, callee }) => other(kind, serviceName, [spanName, callee]),
    connection: ({ serviceName }, callee) => other('connection', serviceName, ['', callee]),
    call: ({ serviceName: service }, { serviceName: callee, spanName: operation }) =>
      valueAt(calls, [service, callee, operation], () => ({
        request: { kind: 'request', service, operation, callee },
        response: { kind: 'response', service, operation, callee },
        retry: { kind: 'retry', service, operation, callee },
      })),
  };
}

const SEPARATOR = '\u0000';

/** A key as a text, to sort by. */
export const keyText = ({ kind, service, operation, callee }: PieceKey): string =>
  kind + SEPARATOR + service + SEPARATOR + operation + SEPARATOR + callee;
