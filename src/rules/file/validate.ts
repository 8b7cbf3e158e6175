import type { z } from 'zod';
import { nearestName } from '../../lib/nearest.ts';
import type { RuleFileError, Source } from './source.ts';
import type { Path, YamlDocument } from './yaml-document.ts';

/** A part of a document that a schema is held against. */
export interface Part {
  readonly source: Source;
  readonly document: YamlDocument;
  readonly path: Path;
}

/** The keys a schema knows, by the dotted path of the map they stand in (`''`, `alert.recover`). */
export type KnownKeys = Readonly<Record<string, readonly string[]>>;

/** Keys whose meaning is planned but not built, by dotted path: each with the sentence that says so. */
export type NotBuilt = Readonly<Record<string, string>>;

export interface Shape<T> {
  readonly schema: z.ZodType<T>;
  readonly keys: KnownKeys;
  readonly notBuilt?: NotBuilt;
}

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly RuleFileError[] };

type Issue = z.core.$ZodIssue;

const dotted = (path: Path): string => path.filter((step) => typeof step === 'string').join('.');

/** `objective.below`, or "an entry of `by`". */
function subjectOf(path: Path): string {
  if (path.length === 0) return 'this';
  const isEntry = typeof path.at(-1) === 'number';
  return isEntry ? `an entry of \`${dotted(path)}\`` : `\`${dotted(path)}\``;
}

function unknownKeyMessage(shape: Shape<unknown>, path: Path, key: string): string {
  const full = dotted([...path, key]);
  const planned = shape.notBuilt?.[full];
  if (planned !== undefined) return `\`${full}\` is not built yet, so it would do nothing: ${planned}`;
  const known = shape.keys[dotted(path)] ?? [];
  if (known.length === 0) return `\`${full}\` is not a key that is known here`;
  const near = nearestName(key, known);
  const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean \`${near}\`?`;
  return `\`${key}\` is not a key that is known here; ${hint}`;
}

function messageOf(issue: Issue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.expected === 'array')
    return issue.input === undefined ? 'is missing' : 'must be a list (`- ...`)';
  if (issue.expected === 'object' || issue.expected === 'record') {
    return issue.input === undefined ? 'is missing' : 'must be a map (`key: value`)';
  }
  return issue.message;
}

/** Issues carry what the place of the caret needs: an offset inside the text, or that the key itself is wrong. */
function paramsOf(issue: Issue): { readonly at?: number; readonly onKey?: boolean } {
  return issue.code === 'custom' ? ((issue.params ?? {}) as { at?: number; onKey?: boolean }) : {};
}

function errorsOf(
  issue: Issue,
  { source, document, path }: Part,
  shape: Shape<unknown>,
): readonly RuleFileError[] {
  const within = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  const full = [...path, ...within];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      source.at(
        document.offsetOfKey([...full, key]),
        `${unknownKeyMessage(shape, within, key)}.`.replace(/([.?])\.$/, '$1'),
      ),
    );
  }
  const { at, onKey } = paramsOf(issue);
  const offset = onKey === true ? document.offsetOfKey(full) : document.offsetInside(full, at ?? 0);
  const place = at === undefined && onKey !== true ? document.offsetOf(full) : offset;
  return [source.at(place, `${subjectOf(within)} ${messageOf(issue)}.`)];
}

/** Holds a part of a document against a schema: its value, or every mistake with its place. */
export function validate<T>(shape: Shape<T>, part: Part): Checked<T> {
  let value = part.document.value;
  for (const step of part.path) value = (value as Record<string | number, unknown> | undefined)?.[step];
  const parsed = shape.schema.safeParse(value, { reportInput: true });
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, errors: parsed.error.issues.flatMap((issue) => errorsOf(issue, part, shape)) };
}
