/** Prometheus labels: names to values. An empty value is the same as a missing label. */
export type Labels = Readonly<Record<string, string>>;

/** A label's name and its value. */
export type LabelPair = readonly [name: string, value: string];

/** The name and value pairs, sorted by name, empty values dropped: the canonical order for identity. */
export function sortedLabels(labels: Labels): readonly LabelPair[] {
  const pairs: LabelPair[] = [];
  let isSorted = true;
  for (const name of Object.keys(labels)) {
    const value = labels[name];
    if (value === undefined || value === '') continue;
    const last = pairs.at(-1);
    if (last !== undefined && last[0] > name) isSorted = false;
    pairs.push([name, value]);
  }
  // Prometheus returns labels in order, so that thousands of series need no sorting.
  return isSorted ? pairs : pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The separator between names and values, as in Prometheus's model.LabelsToSignature; it cannot occur in UTF-8 text. */
const SEPARATOR = 0xff;

/** The 64-bit offset basis in two halves, and the low part of the prime 2^40 + 0x1b3. Source: Fowler, Noll and Vo, isthe.com/chongo/tech/comp/fnv. */
const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
const PRIME_LOW = 0x1b3;
const TWO_32 = 2 ** 32;

const hexOf = (half: number): string => half.toString(16).padStart(8, '0');

/**
 * A 64-bit FNV-1a hash of texts in order, as 16 hex digits. Stable across processes and versions. Computed in two halves of
 * 32 bits, which is several times faster than BigInt.
 */
export function hashTexts(texts: Iterable<string>): string {
  let high = OFFSET_HIGH;
  let low = OFFSET_LOW;
  const add = (byte: number): void => {
    // h * (2^40 + 0x1b3), modulo 2^64: the product of the low half stays below 2^53, so it is exact.
    const mixed = (low ^ byte) >>> 0;
    const product = mixed * PRIME_LOW;
    low = product >>> 0;
    const carry = (product - low) / TWO_32;
    high = (Math.imul(high, PRIME_LOW) + carry + (mixed << 8)) >>> 0;
  };
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      add(unit & 0xff);
      if (unit > 0xff) add(unit >> 8);
    }
    add(SEPARATOR);
  }
  // Joined, not added: a sum of texts is kept as a tree of its parts, and there are thousands of fingerprints.
  return [hexOf(high), hexOf(low)].join('');
}

/** Identity of a label set: equal for equal sets whatever their order. */
export function fingerprint(labels: Labels): string {
  return fingerprintOf(sortedLabels(labels));
}

/** Identity of a label set whose pairs are sorted, without empty values. */
export function fingerprintOf(pairs: readonly LabelPair[]): string {
  return hashTexts(pairs.flat());
}

/**
 * The labels that name a service, in order of preference: Istio's canonical and workload names, OpenTelemetry's, then the
 * usual ones of hand-written rules. Not `job`: it names the scrape job, which of kube-state-metrics and other exporters is
 * never the service that an alert is about.
 */
const SERVICE_LABELS = [
  'destination_service_name',
  'destination_canonical_service',
  'destination_workload',
  'destination_app',
  'destination_service',
  'service.name',
  'service_name',
  // Prometheus's name for a label `service` of the application itself, beside the one of its scrape target.
  'exported_service',
  'service',
  'app',
] as const;

/** The label that names the service, or undefined when the set has none of the known ones. */
export function serviceLabelOf(names: readonly string[]): string | undefined {
  return SERVICE_LABELS.find((name) => names.includes(name));
}
