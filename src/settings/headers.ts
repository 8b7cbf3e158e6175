/** What reading a list of headers gives. A problem never repeats a value: it may be a password. */
export type HeadersResult =
  | { readonly ok: true; readonly headers: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: string };

/** The characters of a header's name: RFC 9110, section 5.6.2. */
const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
/** A value that could start another header, or that the HTTP client refuses. */
const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff]/;

/** Sent by the HTTP client itself; a fixed one would break requests. */
const RESERVED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
]);

function problemOf(line: string, index: number): string | undefined {
  const at = line.indexOf(':');
  const name = line.slice(0, Math.max(0, at)).trim();
  const which = `header ${index + 1}`;
  if (at <= 0) return `${which} has no \`Name:\` before its value`;
  if (!NAME.test(name)) return `${which} has a name that HTTP does not allow`;
  if (RESERVED.has(name.toLowerCase())) return `${which} is ${name}, which is set with every request`;
  if (line.slice(at + 1).trim() === '') return `${which} (${name}) has no value`;
  return FORBIDDEN.test(line.slice(at + 1))
    ? `${which} (${name}) has a value with characters that HTTP does not allow`
    : undefined;
}

/**
 * Reads headers: one `Name: value` per line, or parted by `;;` where a variable cannot hold lines. A single `;` is part of
 * the value, as cookies and media types need it.
 */
export function parseHeaders(text: string): HeadersResult {
  const lines = text
    .split(/\r?\n|;;/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const problems = lines.flatMap((line, index) => problemOf(line, index) ?? []);
  if (problems.length > 0) return { ok: false, problem: problems.join('; ') };
  const headers = lines.map((line) => {
    const at = line.indexOf(':');
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()] as const;
  });
  return { ok: true, headers: Object.fromEntries(headers) };
}
