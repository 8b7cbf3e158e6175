import { LRUCache } from 'lru-cache';
import { createRedactText, REDACTED, SECRET_NAME, withoutCredentials } from '../lib/redact.ts';
import type { Attributes, AttributeValue, Span, Trace } from './trace.ts';

export interface RedactionOptions {
  /** Patterns of the configuration, in RE2. A match in an attribute's name hides its value. */
  readonly patterns: readonly string[];
  /** Names of the attributes that may be shown, `*` for any characters; undefined: all. */
  readonly allowed?: readonly string[];
}

/** What the analysis of a trace reads: kept in the allow-list mode. Values are redacted like all others. */
const ANALYZED: ReadonlySet<string> = new Set(
  `error error.type event otel.status_code span.kind component
  http.status_code http.response.status_code http.request.resend_count http.method http.request.method
  grpc.status_code rpc.grpc.status_code rpc.service rpc.system response_flags
  guid:x-request-id node_id zone version pod pod.name node node.name hostname host.name
  upstream_cluster upstream_cluster.name peer.service peer.address server.address net.peer.name http.host
  db.system db.system.name db.type db.name db.namespace
  k8s.pod.name k8s.node.name cloud.availability_zone topology.kubernetes.io/zone service.version
  istio.canonical_service istio.canonical_revision istio.namespace istio.cluster_id`.split(/\s+/),
);

/** Ids are digits by chance: they are not taken for card numbers. */
const IDENTIFIER = /(?:request|trace|span|correlation)[-_.]?id$/i;

/** A name with `*` for any characters, as an anchored pattern. */
const wildcard = (name: string): RegExp =>
  new RegExp(`^${name.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);

/** A function that is called once for each text; at most so many results are kept. */
function memoized<Value extends string | NameRule>(compute: (text: string) => Value, max: number) {
  const known = new LRUCache<string, Value>({ max });
  return (text: string): Value => {
    const kept = known.get(text);
    if (kept !== undefined) return kept;
    const computed = compute(text);
    known.set(text, computed);
    return computed;
  };
}

/** Names and values of attributes repeat from span to span. */
const KEPT_NAMES = 2_000;
const KEPT_VALUES = 20_000;

/** What becomes of an attribute by its name alone. */
interface NameRule {
  readonly name: string;
  readonly use: 'leave out' | 'hide' | 'redact' | 'redact an id';
}

function createNameRule({ patterns, allowed }: RedactionOptions): (name: string) => NameRule {
  const text = createRedactText(patterns);
  const nameText = createRedactText();
  const names = allowed?.map(wildcard);
  const isShown = (name: string): boolean =>
    names === undefined || ANALYZED.has(name) || names.some((each) => each.test(name));
  const useOf = (name: string): NameRule['use'] => {
    if (!isShown(name)) return 'leave out';
    if (SECRET_NAME.test(name) || text(name) !== name) return 'hide';
    return IDENTIFIER.test(name) ? 'redact an id' : 'redact';
  };
  return (name) => ({ name: nameText(name), use: useOf(name) });
}

/** Functions that redact the texts and the attributes of spans. */
function createRedact(options: RedactionOptions) {
  const ruleOf = memoized(createNameRule(options), KEPT_NAMES);
  const text = memoized(createRedactText(options.patterns), KEPT_VALUES);
  const value = (use: NameRule['use'], given: AttributeValue): AttributeValue => {
    if (use === 'hide') return REDACTED;
    // Numbers below a card's are the most.
    if (typeof given === 'boolean' || (typeof given === 'number' && given < 1e12)) return given;
    const written = String(given);
    const left = use === 'redact an id' ? withoutCredentials(written) : text(written);
    return left === written ? given : left;
  };
  const isClean = (given: Attributes): boolean => {
    for (const key in given) {
      const each = given[key];
      const { name, use } = ruleOf(key);
      if (each === undefined || name !== key || use === 'leave out' || value(use, each) !== each)
        return false;
    }
    return true;
  };
  /** The same object when nothing is to be removed, as of most spans. */
  const attributes = (given: Attributes): Attributes => {
    if (isClean(given)) return given;
    const left: Record<string, AttributeValue> = {};
    for (const [key, each] of Object.entries(given)) {
      const { name, use } = ruleOf(key);
      if (use !== 'leave out') left[name] = value(use, each);
    }
    return left;
  };
  return { text, attributes };
}

/**
 * Removes secrets and personal data from every field of a span but its ids and times. Messages, pictures, files and logs are
 * made of what it returns: a tracing backend applies it where spans are read.
 */
export function createRedactTrace(options: RedactionOptions): (trace: Trace) => Trace {
  const redact = createRedact(options);
  return (trace) => {
    const { text } = redact;
    // The spans of a process share one object.
    const resources = new Map<Attributes, Attributes>();
    const resource = (given: Attributes): Attributes => {
      const left = resources.get(given) ?? redact.attributes(given);
      resources.set(given, left);
      return left;
    };
    const spans = trace.spans.map(
      (span): Span => ({
        ...span,
        serviceName: text(span.serviceName),
        spanName: text(span.spanName),
        attributes: redact.attributes(span.attributes),
        resource: resource(span.resource),
        events: span.events.map(({ at, attributes }) => ({ at, attributes: redact.attributes(attributes) })),
        warnings: span.warnings.map(text),
      }),
    );
    return { ...trace, spans };
  };
}
