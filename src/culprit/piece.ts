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

const SEPARATOR = '\u0000';

/** A key as a map holds it. */
export const keyText = ({ kind, service, operation, callee }: PieceKey): string =>
  kind + SEPARATOR + service + SEPARATOR + operation + SEPARATOR + callee;

/** The text of a key as `keyText` makes it. */
export type KeyTexts = (key: PieceKey) => string;

type Texts = Map<string, Texts | string>;

function innerOf(outer: Texts, name: string): Texts {
  const known = outer.get(name);
  if (known instanceof Map) return known;
  const made: Texts = new Map();
  outer.set(name, made);
  return made;
}

/** Makes each text once: a comparison has few keys and uses them for every span. */
export function createKeyTexts(): KeyTexts {
  const all: Texts = new Map();
  return (key) => {
    const { kind, service, operation, callee } = key;
    const texts = innerOf(innerOf(innerOf(all, operation), service), callee);
    const known = texts.get(kind);
    if (typeof known === 'string') return known;
    const made = keyText(key);
    texts.set(kind, made);
    return made;
  };
}

/** The key of a text that `keyText` made. */
export function keyOf(text: string): PieceKey {
  const [kind = 'own', service = '', operation = '', callee = ''] = text.split(SEPARATOR);
  return { kind: kind as PieceKind, service, operation, callee };
}

/** The caller and name of a client span: what tells whether its server usually leaves a span. */
export const clientKey = (service: string, operation: string): string => service + SEPARATOR + operation;

/** A service and the pod or host that ran the span. */
export const instanceKey = (service: string, instance: string): string => service + SEPARATOR + instance;

/** One leg of a call, or the attempts at it. */
export const callKey = (kind: PieceKind, client: Span, server: Span): PieceKey => ({
  kind,
  service: client.serviceName,
  operation: server.spanName,
  callee: server.serviceName,
});

/** The setup of a connection by a client: all of it counts per call, whether or not the call needed one. */
export const connectionKey = ({ serviceName }: Span, callee: string): PieceKey => ({
  kind: 'connection',
  service: serviceName,
  operation: '',
  callee,
});

/** A service's own code in one operation. */
export const ownKey = ({ serviceName, spanName }: Span): PieceKey => ({
  kind: 'own',
  service: serviceName,
  operation: spanName,
  callee: '',
});
