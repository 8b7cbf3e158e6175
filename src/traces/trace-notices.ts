import { durationText } from '../lib/format.ts';
import { type EpochMs, MINUTE, toEpochUs, toUs } from '../lib/units.ts';
import type { StructureDifference } from './compare-structure.ts';
import { operationOf, requestLineOf, serviceName } from './operations.ts';
import type { Span } from './trace.ts';
import type { TraceOutline, TraceWarnings } from './trace-summary.ts';

/** Sidecars and collectors buffer spans for up to a minute together. */
const ARRIVING = toUs(MINUTE);

/** How long ago a trace ended, in microseconds, while spans of it may still arrive; undefined afterwards. */
function recentEnd({ start, duration }: TraceOutline, now: EpochMs): number | undefined {
  const age = toEpochUs(now) - (start + duration);
  return age >= 0 && age < ARRIVING ? age : undefined;
}

/** Sentences without those that do not apply. */
const sentences = (...texts: readonly (string | false | undefined)[]): readonly string[] =>
  texts.filter((text) => typeof text === 'string');

const plural = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

/** The limitations of what is shown of a trace: incomplete spans, clock skew, work outside the critical path. */
export function traceNotices(outline: TraceOutline, now: EpochMs): readonly string[] {
  const { warnings, root } = outline;
  const age = recentEnd(outline, now);
  const { skew, workAfterRoot, isTruncated, hasInvalidSpans } = warnings;
  return [
    ...sentences(
      age !== undefined &&
        `This trace ended ${Math.floor(age / 1_000_000)} s ago: more of its spans may still arrive.`,
    ),
    ...shapeNotices(warnings),
    ...pathNotices(outline),
    ...sentences(
      hasInvalidSpans &&
        'Some spans have invalid times or ids: they are left out, or their duration counts as 0.',
      isTruncated && 'The trace was too large for Jaeger: spans are missing.',
      skew !== undefined &&
        `The clocks of its hosts differ by up to ${durationText(skew)}, and Jaeger did not correct it: compare durations between services, not start times.`,
      skew === undefined &&
        isLate(warnings, root.duration) &&
        `Work continued for ${durationText(workAfterRoot)} after ${endOf(root)}.`,
    ),
  ];
}

/** Only a server sends a response. */
const endOf = ({ kind }: Span): string =>
  kind === 'server' ? 'the response was sent' : 'its first span had ended';

/** Smaller differences come from how spans are closed. */
const isLate = ({ workAfterRoot }: TraceWarnings, rootDuration: number): boolean =>
  workAfterRoot > Math.max(1_000, rootDuration * 0.05);

const shapeNotices = ({ hasNoRoot, rootCount, orphanCount, ringCount }: TraceWarnings): readonly string[] =>
  sentences(
    hasNoRoot && 'Its root span is missing: every span has a parent.',
    rootCount > 1 &&
      `${rootCount} of its spans have no parent: the trace id was passed on, the parent span id was not.`,
    orphanCount > 0 &&
      `${plural(orphanCount, 'span has a parent that is', 'spans have parents that are')} not in the trace: lost, not exported, or still arriving.`,
    ringCount > 0 &&
      `${plural(ringCount, 'span is its own ancestor', 'spans are their own ancestors')}: the span ids are wrong.`,
  );

/** What the critical path leaves out, and what it assumes. */
function pathNotices({ root, tree, path }: TraceOutline): readonly string[] {
  const { skewedCount: moved, unawaitedCount: unawaited } = path;
  const others = tree.roots.filter(({ span }) => span !== root);
  const parallel = others.filter(({ span }) => overlaps(span, root)).length;
  return sentences(
    others.length > 0 &&
      `The critical path is that of ${serviceName(root.serviceName)} ${operationOf(root)}: ${fragments(others.length, parallel)}.`,
    moved > 0 &&
      `Clock skew puts ${plural(moved, 'server span', 'server spans')} outside the calling ${moved === 1 ? 'span' : 'spans'}: the critical path assumes the middle of the call.`,
    unawaited > 0 &&
      `${plural(unawaited, 'span was', 'spans were')} not waited for (follows-from reference, message, or work that continued after the caller), and ${unawaited === 1 ? 'is' : 'are'} left out of the critical path.`,
  );
}

/** A trace without a common root: only the time shows whether the root waited for another fragment. */
function fragments(others: number, parallel: number): string {
  const all = others === 1 ? 'the other fragment' : `the other ${others} fragments`;
  if (parallel === 0) return `${all} ran at ${others === 1 ? 'another time' : 'other times'}`;
  const which = parallel === others ? all : `${parallel} of ${all}`;
  return `${which} ran at the same time and may be what it waited for`;
}

const overlaps = (a: Span, b: Span): boolean =>
  a.start < b.start + b.duration && b.start < a.start + a.duration;

/** The limitations of a comparison of two traces. */
export function comparisonNotices(
  {
    a,
    b,
    roots,
  }: { readonly a: TraceOutline; readonly b: TraceOutline } & Pick<StructureDifference, 'roots'>,
  now: EpochMs,
): readonly string[] {
  return [
    ...rootNotices({ a: a.root, b: b.root }, roots),
    ...comparedTraceNotices('A', a, now),
    ...comparedTraceNotices('B', b, now),
  ];
}

/** Requests of different kinds differ for other reasons than slowness. */
function rootNotices(
  { a, b }: { readonly a: Span; readonly b: Span },
  roots: StructureDifference['roots'],
): readonly string[] {
  const [serviceA, serviceB] = [serviceName(a.serviceName), serviceName(b.serviceName)];
  const [lineA, lineB] = [requestLineOf(a), requestLineOf(b)];
  const start = `A starts at ${serviceA}, B at ${serviceB}`;
  switch (roots) {
    case 'different':
      return a.serviceName === b.serviceName
        ? [
            `They start with different operations of ${serviceA} (${a.spanName} and ${b.spanName}): their spans cannot be paired.`,
          ]
        : [`${start}: they are different requests, and their spans cannot be paired.`];
    case 'inner':
      return [`${start}: only what both of them do is paired, and the totals are not comparable.`];
    case 'same':
      return sentences(
        lineA !== lineB &&
          lineA !== '' &&
          lineB !== '' &&
          `A is ${lineA}, B is ${lineB}: different kinds of request, which may explain the difference.`,
      );
  }
}

const comparedTraceNotices = (name: string, outline: TraceOutline, now: EpochMs): readonly string[] => {
  const { hasNoRoot, rootCount, orphanCount, isTruncated, skew } = outline.warnings;
  return sentences(
    recentEnd(outline, now) !== undefined && `${name} has just ended: more of its spans may still arrive.`,
    isTruncated && `${name} was too large for Jaeger: spans are missing.`,
    hasNoRoot && `The root span of ${name} is missing.`,
    rootCount > 1 &&
      `${name} has ${rootCount} roots: only ${serviceName(outline.root.serviceName)} ${operationOf(outline.root)} is compared.`,
    orphanCount > 0 && !hasNoRoot && `${name} has spans whose parents are missing: they are not compared.`,
    skew !== undefined && `The clocks of the hosts of ${name} differ by up to ${durationText(skew)}.`,
  );
};
