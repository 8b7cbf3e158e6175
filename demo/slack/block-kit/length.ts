/** Keys whose strings nobody reads: they do not count towards the length of a message. */
const UNSEEN = new Set([
  'type',
  'block_id',
  'action_id',
  'url',
  'image_url',
  'value',
  'style',
  'id',
  'align',
  'width',
  'level',
  'status',
  'task_id',
]);

/** Characters a reader sees in a block, or in anything inside one: every string but identifiers, addresses and styles. */
export function visibleLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, entry) => sum + visibleLength(entry), 0);
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce(
    (sum, [key, entry]) => (UNSEEN.has(key) && typeof entry === 'string' ? sum : sum + visibleLength(entry)),
    0,
  );
}
