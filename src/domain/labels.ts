/** Prometheus labels: names to values. An empty value is the same as a missing label. */
export type Labels = Readonly<Record<string, string>>;

/** The name and value pairs, sorted by name, empty values dropped: the canonical order for identity. */
export function sortedLabels(labels: Labels): readonly (readonly [string, string])[] {
  return Object.entries(labels)
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const MASK_64 = 0xffffffffffffffffn;
/** Separates names from values, as Alertmanager's model.LabelsToSignature does; it cannot occur in UTF-8 text. */
const SEPARATOR = 0xff;

function fnv1a(hash: bigint, text: string): bigint {
  let next = hash;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    next = ((next ^ BigInt(unit & 0xff)) * FNV_PRIME) & MASK_64;
    if (unit > 0xff) next = ((next ^ BigInt(unit >> 8)) * FNV_PRIME) & MASK_64;
  }
  return ((next ^ BigInt(SEPARATOR)) * FNV_PRIME) & MASK_64;
}

/** A 64-bit FNV-1a hash of some texts in order, as 16 hex digits. Stable across processes and versions. */
export function hashTexts(texts: Iterable<string>): string {
  let hash = FNV_OFFSET;
  for (const text of texts) hash = fnv1a(hash, text);
  return hash.toString(16).padStart(16, '0');
}

/** Identity of a label set: equal for equal sets whatever their order. */
export function fingerprint(labels: Labels): string {
  return hashTexts(sortedLabels(labels).flat());
}

/**
 * The labels that name a service, in order of preference: Istio's canonical and workload names, OpenTelemetry's,
 * then what people write by hand.
 */
export const SERVICE_LABELS = [
  'destination_service_name',
  'destination_canonical_service',
  'destination_workload',
  'destination_app',
  'service_name',
  'service',
  'app',
  'job',
] as const;

/** The label of this set that names the service, or undefined when none of the known ones is there. */
export function serviceLabelOf(names: Iterable<string>): string | undefined {
  const present = new Set(names);
  return SERVICE_LABELS.find((name) => present.has(name));
}
