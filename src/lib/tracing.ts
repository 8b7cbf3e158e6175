/** Attributes of a span. They never hold secrets or foreign text. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What a span stands for: a request that was received, one that is sent, or work of the bot itself. */
export type TracedKind = 'server' | 'client' | 'internal';

/** Traces the bot's own work, for operators of the bot. */
export interface Tracing {
  /** Runs work in a span, a child of the span that it is called in. Rejects as the work does; the span is then an error. */
  span<T>(span: TracedWork, work: () => Promise<T>): Promise<T>;
}

export interface TracedWork {
  /** Of few different values: `evaluate group`. */
  readonly name: string;
  readonly kind?: TracedKind;
  readonly attributes?: SpanAttributes;
}

/** Tracing that is off. */
export const NO_TRACING: Tracing = { span: (_span, work) => work() };
