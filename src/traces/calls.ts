import { CLOSING_US, placeUnder, ROUNDING_US } from './clock-skew.ts';
import { isSameRequest } from './operations.ts';
import { attributeText, type Span } from './trace.ts';
import type { SpanNode } from './tree.ts';

const DATABASE = [
  'db.system',
  'db.system.name',
  'db.type',
  'db.statement',
  'db.query.text',
  'sql.query',
] as const;

/** Whether a span is a database statement, by the attribute names of OpenTelemetry, OpenTracing or Brave. */
export const isDatabaseCall = (span: Span): boolean => attributeText(span, DATABASE) !== '';

/** Envoy's name of a destination in the mesh: `outbound|8080||payments.shop.svc.cluster.local` is `payments.shop`. */
function meshDestination(span: Span): string {
  const cluster = attributeText(span, ['upstream_cluster', 'upstream_cluster.name']);
  const [direction, , , host = ''] = cluster.split('|');
  return direction === 'outbound' ? host.replace(/\.svc\..*$/, '') : '';
}

/** `https://pay.example/charge?x` is `pay.example`. */
const hostOf = (url: string): string => /^[a-z]+:\/\/(?:[^/@]*@)?([^/:?#]+)/i.exec(url)?.[1] ?? '';

/** What a span called, by its own attributes; empty when none says so. */
function peerFromAttributes(span: Span): string {
  return (
    attributeText(span, ['peer.service']) ||
    meshDestination(span) ||
    attributeText(span, ['server.address', 'net.peer.name', 'http.host', 'db.name', 'db.namespace']) ||
    hostOf(attributeText(span, ['http.url', 'url.full'])) ||
    attributeText(span, ['db.system', 'db.system.name', 'db.type', 'rpc.service', 'peer.address'])
  );
}

/**
 * Names of spans in which a client sets up a connection: OpenTelemetry's for Node.js (`tcp.connect`, `dns.lookup`,
 * `pg-pool.connect`, `redis-connect`), Go (`http.getconn`, `http.dns`, `http.tls`) and .NET (`HTTP connection_setup`,
 * `socket connect`).
 */
const SETUP =
  /^(?:(?:tcp|socket|http|ipc|pg(?:-pool)?|redis|mongodb)[._ -]?connect|(?:http\.)?dns(?:$|[._ -]?(?:lookup|resolve))|(?:http\.)?(?:tls|ssl)(?:$|[._ -]|connect|handshake)|http\.getconn$|http (?:connection_setup|wait_for_connection))/i;
/** Those of Netty, and of ioredis. */
const SETUP_NAMES: ReadonlySet<string> = new Set(['CONNECT', 'RESOLVE', 'connect']);

/** Whether a span is the setup of a connection: a name lookup, a connect, a TLS handshake. */
export const isConnectionSetup = ({ kind, spanName }: Span): boolean =>
  (kind === 'internal' || kind === 'client' || kind === 'unspecified') &&
  (SETUP.test(spanName) || SETUP_NAMES.has(spanName));

/** The server spans directly below a client span, by start. */
export const serversOf = ({ children }: SpanNode): readonly SpanNode[] =>
  children.filter(({ span }) => span.kind === 'server' && span.followsFrom !== true);

/**
 * A client span that was answered. Its time outside the servers is network and proxies, unless the caller's own spans show
 * that it worked there:
 *
 *     client         |==============================|
 *     server            |===|    |======|
 *     own span                             |==|
 *                     before between       after       network, network or pause, own code
 */
export interface Call {
  /** The children through which it was answered: servers, or the client span of a proxy or library. */
  readonly answers: readonly SpanNode[];
  /** The servers that answered, by start. */
  readonly servers: readonly SpanNode[];
  /** The servers are attempts at one request; the last one answered. */
  readonly isRetried: boolean;
  /** When the first answer began and the one that counts ended: microseconds after the start of the client span. */
  readonly firstStart: number;
  readonly answerEnd: number;
  readonly before: 'network' | 'own';
  readonly between: 'network' | 'pause' | 'own';
  readonly after: 'network' | 'own';
}

/** What answered a client span; undefined for another kind of span, and when no span of the other side is in the trace. */
export function callOf(client: SpanNode): Call | undefined {
  const answered = answersTo(client, MAX_NESTED);
  if (answered === undefined) return undefined;
  const { answers, servers, attempts } = answered;
  const period = answeredPeriod(client, answers);
  // Several client spans below one are requests of their own: the outer span is no call, it only contains them.
  const isContainer = servers.length === 0;
  const work = isContainer ? { before: true, after: true } : ownWork(client, answers, period);
  const isRetried = attempts.length > 0;
  return {
    answers,
    servers,
    isRetried,
    ...period,
    before: work.before ? 'own' : 'network',
    between: isContainer ? 'own' : isRetried ? 'pause' : 'network',
    after: work.after ? 'own' : 'network',
  };
}

/** An application's client span, a library's, and a proxy's. */
const MAX_NESTED = 3;

type Answered = Pick<Call, 'answers' | 'servers'> & { readonly attempts: readonly SpanNode[] };

function answersTo(client: SpanNode, nested: number): Answered | undefined {
  if (client.span.kind !== 'client') return undefined;
  const servers = serversOf(client);
  if (servers.length > 0)
    return { answers: servers, servers, attempts: servers.length < 2 ? [] : attemptsOf(client) };
  if (nested === 0) return undefined;
  const answered = client.children.flatMap((child) => {
    const below = child.span.followsFrom === true ? undefined : answersTo(child, nested - 1);
    return below === undefined ? [] : [{ child, below }];
  });
  const [only, ...others] = answered;
  if (only === undefined) return undefined;
  if (others.length === 0) return { ...only.below, answers: [only.child] };
  return { answers: answered.map(({ child }) => child), servers: [], attempts: [] };
}

/** When the first answer began and the last one ended that did not outlive the client, after the client's start. */
function answeredPeriod(
  client: SpanNode,
  answers: readonly SpanNode[],
): Pick<Call, 'firstStart' | 'answerEnd'> {
  let firstStart = Number.POSITIVE_INFINITY;
  let [inTime, latest] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { span } of answers) {
    const { start } = placeUnder(client, span, 0);
    const end = start + span.duration;
    firstStart = Math.min(firstStart, start);
    latest = Math.max(latest, end);
    if (end <= client.span.duration + CLOSING_US) inTime = Math.max(inTime, end);
  }
  return { firstStart, answerEnd: Number.isFinite(inTime) ? inTime : latest };
}

/** Whether spans of the caller itself lie before or after the answers; connection setup and messages are no work of its own. */
function ownWork(
  { span: client, children }: SpanNode,
  answers: readonly SpanNode[],
  { firstStart, answerEnd }: Pick<Call, 'firstStart' | 'answerEnd'>,
): { readonly before: boolean; readonly after: boolean } {
  if (children.length === answers.length) return { before: false, after: false };
  const tolerance = Math.min(CLOSING_US, (answerEnd - firstStart) / 2);
  const answering = new Set(answers);
  const own = children.filter(
    (child) =>
      child.span.serviceName === client.serviceName &&
      child.span.duration > 0 &&
      child.span.followsFrom !== true &&
      child.span.kind !== 'consumer' &&
      !isConnectionSetup(child.span) &&
      !answering.has(child),
  );
  const start = (span: Span): number => span.start - client.start;
  return {
    before: own.some(({ span }) => start(span) + span.duration <= firstStart + tolerance),
    after: own.some(({ span }) => start(span) >= answerEnd - tolerance),
  };
}

/**
 * The attempts at a call that was retried, by start; empty when one was enough. Attempts repeat one request to one service,
 * one after the other, and each but the last failed or was abandoned by the client. Other servers under one client are
 * redirected, batched or mirrored requests.
 */
export function attemptsOf(client: SpanNode): readonly SpanNode[] {
  // Some libraries record a redirect as a client span without duration.
  if (client.span.kind !== 'client' || client.span.duration === 0) return [];
  const servers = serversOf(client);
  if (servers.length < 2) return [];
  const isRepeated = servers.every((attempt, i) => {
    const next = servers[i + 1];
    return next === undefined || (isSameRequest(attempt.span, next.span) && isRetriedBy(attempt, next));
  });
  return isRepeated ? servers : [];
}

/**
 * Client spans below one span that are attempts at one call, by start: libraries and gateways give each attempt a span of its
 * own. As `attemptsOf`; the others of the same name succeeded only in a loop, which retries nothing.
 *
 *     shop  server    |============================|
 *     shop  client      ✗==✗      |=========|
 *     pay   server       ✗✗        |=======|
 */
export function retriedClients({ children }: SpanNode): readonly (readonly SpanNode[])[] {
  if (children.length < 2 || !children.some((child) => child.span.kind === 'client' && isFailed(child)))
    return [];
  const byCall = new Map<string, SpanNode[]>();
  for (const child of children) {
    const { kind, serviceName, spanName, followsFrom, duration } = child.span;
    if (kind !== 'client' || followsFrom === true || duration === 0 || isConnectionSetup(child.span))
      continue;
    const key = `${serviceName}\0${spanName}\0${peerOf(child)}`;
    const calls = byCall.get(key);
    if (calls === undefined) byCall.set(key, [child]);
    else calls.push(child);
  }
  return [...byCall.values()].filter(
    (calls) =>
      calls.length > 1 &&
      calls.every((call, i) => {
        const next = calls[i + 1];
        return next === undefined || (isSameRequest(call.span, next.span) && isRetriedBy(call, next));
      }),
  );
}

function isRetriedBy(attempt: SpanNode, next: SpanNode): boolean {
  if (isAbandoned(attempt)) return next.span.start - attempt.span.start >= ROUNDING_US;
  return isFailed(attempt) && endOf(attempt) < next.span.start + ROUNDING_US;
}

const endOf = ({ span }: SpanNode): number => span.start + span.duration;

/** Whether the client of an attempt did not wait for it: it outlived the client, or Envoy saw the connection closed (DC). */
export const isAbandoned = (attempt: SpanNode): boolean =>
  (attempt.parent !== undefined && endOf(attempt) > endOf(attempt.parent) + CLOSING_US) ||
  attributeText(attempt.span, ['response_flags']).split(',').includes('DC');

/** Whether an attempt failed: an error, or an HTTP status that proxies retry (4xx, 5xx, `0` for no response). */
export function isFailed({ span }: SpanNode): boolean {
  const status = attributeText(span, ['http.status_code', 'http.response.status_code']);
  return span.isError || (status !== '' && (Number(status) === 0 || Number(status) >= 400));
}

/**
 * What a client span called: the service that answered, `3 services` when several did, else the name in its attributes; empty
 * when unknown.
 */
export function peerOf(client: SpanNode): string {
  const { servers, attempts } = answersTo(client, MAX_NESTED) ?? NOTHING;
  const services = new Set(servers.map(({ span }) => span.serviceName));
  if (attempts.length === 0 && services.size > 1) return `${services.size} services`;
  return servers.at(-1)?.span.serviceName || peerFromAttributes(client.span);
}

const NOTHING: Answered = { answers: [], servers: [], attempts: [] };
