import { RE2JS, RE2JSSyntaxException } from 're2js';

/** What stands in place of a removed text. */
export const REDACTED = '[redacted]';

/** Removes secrets and personal data from a text. A text without any is returned as it is. */
export type RedactText = (text: string) => string;

/** A pattern and what is left of a match. Every repetition is bounded, so that long texts take linear time. */
type Rule = readonly [pattern: RegExp, left: (match: readonly string[]) => string];

const KEYS =
  'passw(?:or)?d|passwd|pwd|secret|token|api[-_.]?key|access[-_.]?key|private[-_.]?key|credentials?|signature|session[-_.]?id';

const RULES: readonly Rule[] = [
  // Headers that were written out: everything up to the end of the line.
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie)(\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)[^\r\n"\\]+/gi,
    ([, name, separator]) => `${name}${separator}${REDACTED}`,
  ],
  // The look-ahead spares prose: "bearer authentication is missing".
  [
    /\b([Bb]earer|BEARER|[Bb]asic|BASIC)(\s{1,4})(?=[a-z]{0,200}[A-Z\d=+/_.~-])[\w.~+/=-]{6,}/g,
    ([, scheme, gap]) => `${scheme}${gap}${REDACTED}`,
  ],
  // JSON Web Tokens.
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]{1,4096})?/g, () => REDACTED],
  // Tokens with the prefixes of Slack, GitHub, GitLab, AWS, Google and Stripe.
  [
    /\b(?:xox[a-z]|xapp)-[\w-]{8,}|\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{15,}|\b(?:AKIA|ASIA)[A-Z\d]{16}\b|\bAIza[\w-]{30,}|\b[sr]k_(?:live|test)_\w{10,}/g,
    () => REDACTED,
  ],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]{0,8192}?(?:-----END [A-Z ]{0,40}-----|$)/g, () => REDACTED],
  // The user and password of an address.
  [/:\/\/[^/\s:@"]{0,64}:[^/\s@"]{1,256}@/g, () => `://${REDACTED}@`],
  // Parameters of a query string, fields of JSON, and options of a connection string.
  [
    new RegExp(`((?:${KEYS})[\\w-]{0,20}=)[^\\s"'&,;\\\\]{1,4096}`, 'gi'),
    ([, start]) => `${start}${REDACTED}`,
  ],
  [
    new RegExp(`((?:${KEYS})[\\w-]{0,20}\\\\?["']\\s{0,4}:\\s{0,4}\\\\?["'])[^"'\\\\]{1,4096}`, 'gi'),
    ([, start]) => `${start}${REDACTED}`,
  ],
  [/((?:passw(?:or)?d|secret):\s{0,4})[^\s"'&,;\\]{1,4096}/gi, ([, start]) => `${start}${REDACTED}`],
  [/[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}\b/gi, () => REDACTED],
];

/** Runs of 13 to 19 digits, in groups or not, that are not part of a longer word. */
const DIGITS = /(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])/g;

/** The numbers of Visa, Mastercard, American Express, Discover, JCB and Diners Club. A time in nanoseconds starts with 1. */
const ISSUER = /^(?:4|5[1-5]|2[2-7]|3[0-9]|6(?:011|4[4-9]|5))/;

/** The check digit of card numbers. Source: ISO/IEC 7812-1, annex B. */
export function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

function withoutCards(text: string): string {
  return text.replaceAll(DIGITS, (run) => {
    const digits = run.replaceAll(/[ -]/g, '');
    return ISSUER.test(digits) && isLuhn(digits) ? REDACTED : run;
  });
}

/** One of these is part of everything that the rules match. */
const SUSPICIOUS =
  /[@:=]|eyJ|xox|xapp|gh[opsur]_|github_pat|glpat|AKIA|ASIA|AIza|k_(?:live|test)|BEGIN|earer|EARER|asic|ASIC/;

/** Removes credentials and e-mail addresses. */
export function withoutCredentials(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  return RULES.reduce(
    (left, [pattern, replace]) => left.replaceAll(pattern, (...match) => replace(match.map(String))),
    text,
  );
}

/** A pattern of the configuration that is not valid, and why; undefined for a valid one. */
export function redactionProblem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    return error.message;
  }
}

/**
 * Removes credentials, e-mail addresses, card numbers, and what matches the patterns of the configuration (RE2).
 * @throws RE2JSSyntaxException when a pattern is not valid.
 */
export function createRedactText(patterns: readonly string[] = []): RedactText {
  const own = patterns.map((pattern) => RE2JS.compile(pattern));
  return (text) =>
    own.reduce(
      (left, pattern) => pattern.matcher(left).replaceAll(REDACTED),
      withoutCards(withoutCredentials(text)),
    );
}

/** Names whose values are secrets whatever they look like. `tokens` counts something. */
export const SECRET_NAME =
  /authorization|cookie|passw|\bpwd\b|secret|token(?!s)|api[-_.]?key|access[-_.]?key|private[-_.]?key|credential|session[-_.]?id|\bjwt\b|csrf|xsrf/i;

/** Redacts the values of labels or annotations, by their names as well; the same object when there is nothing to remove. */
export function createRedactLabels(
  patterns: readonly string[] = [],
): (labels: Readonly<Record<string, string>>) => Readonly<Record<string, string>> {
  const text = createRedactText(patterns);
  const redacted = (name: string, value: string): string =>
    value !== '' && (SECRET_NAME.test(name) || text(name) !== name) ? REDACTED : text(value);
  return (labels) => {
    const pairs = Object.entries(labels).map(([name, value]) => [name, redacted(name, value)] as const);
    return pairs.every(([name, value]) => labels[name] === value) ? labels : Object.fromEntries(pairs);
  };
}
