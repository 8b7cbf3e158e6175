import { flagsInWords } from '../lib/response-flags.ts';
import { operationOf } from './operations.ts';
import { type Attributes, attributeText, type Span, type SpanEvent } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** The span a failure originated in. */
export interface ErrorOrigin {
  readonly service: string;
  readonly operation: string;
  /** `503, no healthy pod to call (UH)`; `failed` when the span has no details. */
  readonly detail: string;
  /** How often the same failure originated in the same operation. */
  readonly times: number;
  /** Number of failed spans it explains, including itself. */
  readonly spans: number;
  /** Whether a root failed because of it: otherwise a caller handled the failure. */
  readonly reachesRoot: boolean;
}

/**
 * The origins of all failures: from the outermost failed span down, always to the child that failed last, whose failure
 * its parent got.
 *
 *     gateway    ✗                 the outermost
 *     checkout     ✗
 *     payments       ✗   ✗         two attempts: checkout got the failure of the second
 *     bank                 ✗       the origin
 *     mail             ✗           a separate failure that its caller handled
 *
 * Internal spans often have no status: a failure below one counts as passed through. Failures that reached a root come
 * first, then those that explain the most spans.
 */
export function errorOriginsOf({ nodes }: SpanTree): readonly ErrorOrigin[] {
  const causes = causesOf(nodes);
  const passedOn = new Set(causes.values());
  const origins = nodes
    .filter((node) => node.span.isError && !passedOn.has(node))
    .map((outermost) => originOf(outermost, causes));
  return merged(origins).sort((a, b) => Number(b.reachesRoot) - Number(a.reachesRoot) || b.spans - a.spans);
}

/** Attempts that failed in the same way are one origin. */
function merged(origins: readonly ErrorOrigin[]): ErrorOrigin[] {
  const kinds = new Map<string, ErrorOrigin>();
  for (const origin of origins) {
    const key = JSON.stringify([origin.service, origin.operation, origin.detail, origin.reachesRoot]);
    const known = kinds.get(key);
    kinds.set(
      key,
      known === undefined ? origin : { ...origin, times: known.times + 1, spans: known.spans + origin.spans },
    );
  }
  return [...kinds.values()];
}

/** For each failed span, the failure below it that it passed on. */
function causesOf(nodes: readonly SpanNode[]): ReadonlyMap<SpanNode, SpanNode> {
  const causes = new Map<SpanNode, SpanNode>();
  /** The failure that the parent of a node gets. */
  const visible = new Map<SpanNode, SpanNode>();
  // Children before their parents.
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as SpanNode;
    const below = lastFailure(node, visible);
    if (node.span.isError) {
      visible.set(node, node);
      if (below !== undefined) causes.set(node, below);
    } else if (below !== undefined && isSilent(node.span)) visible.set(node, below);
  }
  return causes;
}

const isSilent = ({ kind }: Span): boolean => kind === 'internal' || kind === 'unspecified';

function lastFailure({ children }: SpanNode, visible: ReadonlyMap<SpanNode, SpanNode>): SpanNode | undefined {
  let last: SpanNode | undefined;
  let end = Number.NEGATIVE_INFINITY;
  for (const child of children) {
    const failure = visible.get(child);
    const childEnd = child.span.start + child.span.duration;
    if (failure === undefined || child.span.followsFrom === true || childEnd <= end) continue;
    last = failure;
    end = childEnd;
  }
  return last;
}

function originOf(outermost: SpanNode, causes: ReadonlyMap<SpanNode, SpanNode>): ErrorOrigin {
  let origin = outermost;
  let spans = 1;
  for (let cause = causes.get(origin); cause !== undefined; cause = causes.get(origin)) {
    origin = cause;
    spans += 1;
  }
  return {
    service: origin.span.serviceName,
    operation: operationOf(origin.span),
    detail: errorDetail(origin.span),
    times: 1,
    spans,
    reachesRoot: outermost.parent === undefined,
  };
}

const MESSAGES = [
  'otel.status_description',
  'grpc.message',
  'error.message',
  'error.msg',
  'exception.message',
] as const;
const TYPES = ['error.type', 'exception.type', 'error.kind'] as const;
const HTTP_STATUSES = ['http.status_code', 'http.response.status_code'] as const;
const GRPC_STATUSES = ['grpc.status_code', 'rpc.grpc.status_code', 'rpc.response.status_code'] as const;

/** By their numbers. Source: grpc.io, status codes. */
const GRPC_NAMES = (
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED ' +
  'FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'
).split(' ');

/** How a span ended: the details of its failure, else its status; empty when unknown. */
export const statusOf = (span: Span): string =>
  span.isError ? errorDetail(span) : attributeText(span, [...HTTP_STATUSES, ...GRPC_STATUSES]);

/** Envoy writes status `0` when there was no response. A failed gRPC call has the HTTP status 200. */
function failedStatus(span: Span): string {
  const [http, grpc] = [attributeText(span, HTTP_STATUSES), attributeText(span, GRPC_STATUSES)];
  if (http === '0') return 'no response';
  const isFailedCall = grpc !== '' && grpc !== '0' && grpc !== 'OK' && !/^[3-5]/.test(http);
  if (!isFailedCall) return http;
  const name = GRPC_NAMES[Number(grpc)];
  return name === undefined ? grpc : `${grpc} ${name}`;
}

/** The message of the last error that OpenTracing logged: `event=redis timeout, error=redis timeout, level=error`. */
function loggedError(events: readonly SpanEvent[]): string {
  const texts = events.map(({ attributes }) => {
    if (!isLoggedError(attributes)) return '';
    const names = ['error.object', 'message', 'error.message', 'error', 'event', 'error.kind'].map((key) =>
      attributeText({ attributes }, [key]),
    );
    return names.find((text) => text !== 'error' && !isNoMessage(text)) ?? '';
  });
  return texts.findLast((text) => text !== '') ?? '';
}

const isLoggedError = (attributes: Attributes): boolean =>
  /^(?:err|error|fatal|critical)$/i.test(
    attributeText({ attributes }, ['level', 'severity', 'log.severity']),
  ) ||
  attributes['event'] === 'error' ||
  ['error', 'error.object', 'error.kind'].some(
    (key) => attributes[key] !== undefined && String(attributes[key]) !== 'false',
  );

/** Values that only say that there was an error. */
const isNoMessage = (text: string): boolean => /^(?:true|\{\}|\[object Object\]|)$/.test(text);

/** The message of the last exception that was recorded, else its type. */
function exceptionText(events: readonly SpanEvent[]): string {
  const keys = ['exception.message', 'exception.type'];
  const texts = events.map((event) => attributeText(event, keys));
  return texts.findLast((text) => text !== '') ?? '';
}

function errorDetail(span: Span): string {
  const status = failedStatus(span);
  const flags = flagsInWords(attributeText(span, ['response_flags']));
  const message = [
    attributeText(span, MESSAGES),
    exceptionText(span.events),
    loggedError(span.events),
    // Zipkin's libraries write the message itself.
    attributeText(span, ['error']),
  ].find((text) => !isNoMessage(text));
  const type = attributeText(span, TYPES);
  const isKnown = message !== undefined || flags !== '' || type === '_OTHER' || type === status;
  const parts = [status, flags, message ?? (isKnown ? '' : type)].filter((part) => part !== '');
  return parts.length === 0 ? 'failed' : parts.join(', ');
}
