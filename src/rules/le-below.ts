/** Exponents below this are written as such. Source: strconv.FormatFloat with format `g`, as Prometheus writes `le`. */
const SMALLEST_PLAIN_EXPONENT = -4;
/** From this exponent on Go writes one: a million is `1e+06`. */
const LARGEST_PLAIN_EXPONENT = 6;

const digitBelow = (digit: string): string => `[0-${Number(digit) - 1}]`;

/** Numbers without an exponent that are below `whole.fraction`, by the first digit in which they differ. */
function plainBelow(whole: string, fraction: string): readonly string[] {
  const rest = String.raw`(\.[0-9]*)?`;
  const shorter = whole.length > 1 ? [`[0-9]{1,${whole.length - 1}}${rest}`] : [];
  const sameLength = Array.from(whole).flatMap((digit, i) =>
    digit === '0' ? [] : [`${whole.slice(0, i)}${digitBelow(digit)}[0-9]{${whole.length - 1 - i}}${rest}`],
  );
  const sameWhole = Array.from(fraction).flatMap((digit, i) => {
    const before = `${whole}\\.${fraction.slice(0, i)}`;
    return [
      i === 0 ? `${whole}\\.?` : before,
      ...(digit === '0' ? [] : [`${before}${digitBelow(digit)}[0-9]*`]),
    ];
  });
  return [...shorter, ...sameLength, ...sameWhole];
}

const partsOf = (number: string): readonly [string, string] => {
  const [whole = '0', fraction = ''] = number.split('.');
  return [whole, fraction];
};

/** Numbers with an exponent that are below the bound: none but tiny ones, unless the bound is large itself. */
function exponentialBelow(bound: number): readonly string[] {
  const [mantissa = '1', power = '0'] = bound.toExponential().split('e');
  const exponent = Number(power);
  const tiny = exponent >= SMALLEST_PLAIN_EXPONENT ? [String.raw`[0-9.]+e-[0-9]+`] : [];
  if (exponent < LARGEST_PLAIN_EXPONENT) return tiny;
  const same = plainBelow(...partsOf(mantissa)).join('|');
  return [...tiny, String.raw`[0-9.]+e\+0*[0-${exponent - 1}]`, String.raw`(${same})e\+0*${exponent}`];
}

/**
 * A regular expression for the values of `le` below a bound, whoever wrote them: `250`, `250.0`, `2.5e+06`. Anchored, as
 * PromQL's are. For bounds from 0.0001 up to nine digits, which is every latency in seconds or milliseconds.
 */
export function leBelow(bound: number): string {
  return [...plainBelow(...partsOf(String(bound))), ...exponentialBelow(bound)].join('|');
}
