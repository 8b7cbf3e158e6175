import { type AdjustStyle, adjust, CURRENT_STYLE } from './adjust.ts';
import { GoError } from './go-text.ts';
import type { StoredSpan, StoredTrace } from './model.ts';
import type { JaegerBehavior } from './server-version.ts';
import type { Search } from './storage.ts';
import type { JaegerStore } from './store.ts';

/** What the routes of both API versions work with. */
export interface Backend {
  readonly store: JaegerStore;
  readonly search: Search;
  readonly behavior: JaegerBehavior;
  /** It is VictoriaTraces that answers, in the words of a Jaeger. */
  readonly isVictoria: boolean;
  /** The present, in ms since 1970: the older version's default window ends here. */
  readonly now: () => number;
}

export type VersionBehavior = 'older' | 'v3';

/** A trace as a reader gets it: adjusted, unless it was requested raw. */
export function read(
  backend: Backend,
  trace: StoredTrace,
  how: { versionBehavior: VersionBehavior; raw: boolean },
): readonly StoredSpan[] {
  if (how.raw) return trace.spans;
  const { behavior } = backend;
  const isOlder = how.versionBehavior === 'older';
  const style: AdjustStyle = isOlder ? behavior.olderStyle : CURRENT_STYLE;
  const adjusted = adjust(trace.spans, style);
  if (isOlder ? behavior.olderReadsChangeStore : behavior.v3ReadsChangeStore) {
    backend.store.replace(trace.traceId, adjusted);
  }
  return adjusted;
}

const HEX = /^[0-9a-fA-F]+$/;

/** Reads a trace id from a path or parameter: up to 32 hexadecimal digits, or base64 where that is understood. */
export function parseTraceId(text: string, behavior: JaegerBehavior): string {
  if (HEX.test(text) && text.length <= 32) return text.toLowerCase().padStart(32, '0');
  if (behavior.base64Ids) {
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length === 16 || bytes.length === 8) return bytes.toString('hex').padStart(32, '0');
    throw new GoError('invalid length for TraceID');
  }
  if (text.length > 32) throw new GoError(`TraceID cannot be longer than 32 hex characters: ${text}`);
  const high = text.slice(0, Math.max(0, text.length - 16));
  const wrong = high !== '' && !HEX.test(high) ? high : text.slice(-16);
  throw new GoError(`strconv.ParseUint: parsing ${JSON.stringify(wrong)}: invalid syntax`);
}
