export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Values a reader does not see: they do not count towards the length of a message. */
const UNSEEN = new Set(['type', 'block_id', 'action_id', 'url', 'value', 'style', 'align', 'format']);

/** Characters of all the text in a value, in UTF-16 units. A number in a chart is drawn, not written. */
export function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + textLength(each), 0);
  if (!isFields(value)) return 0;
  return Object.entries(value)
    .filter(([name]) => !UNSEEN.has(name))
    .reduce((sum, [, each]) => sum + textLength(each), 0);
}

/** A string of `min` (1 unless notified) to `max` UTF-16 units. */
export function length(
  place: string,
  value: unknown,
  { min = 1, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number } = {},
): readonly string[] {
  if (typeof value !== 'string') return [`${place}: must be a string`];
  if (value.length < min) return [`${place}: must not be empty`];
  if (value.length > max) return [`${place}: ${value.length} characters, at most ${max}`];
  return /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/u.test(value)
    ? [`${place}: half a character`]
    : [];
}

/** A list of `min` (1 unless notified) to `max` members, each checked by `each`. */
export function members(
  place: string,
  value: unknown,
  rule: { min?: number; max: number; each: (place: string, member: Fields) => readonly string[] },
): readonly string[] {
  if (!Array.isArray(value)) return [`${place}: must be a list`];
  const { min = 1, max, each } = rule;
  const found = value.flatMap((member: unknown, index) =>
    isFields(member) ? each(`${place}/${index}`, member) : [`${place}/${index}: must be an object`],
  );
  if (value.length < min || value.length > max)
    return [...found, `${place}: ${value.length} members, ${min} to ${max} allowed`];
  return found;
}

/** Something to do to a text that Slack would read as more than text. */
const MARKUP =
  /<(?!(?:https?:\/\/[^\s<>|]+\|[^<>|\n]*|!date\^\d+\^[^<>|^]+\|[^<>|]+|@[UW][A-Z0-9]+|#[CG][A-Z0-9]+|!subteam\^S[A-Z0-9]+)>)/u;

/** A text object within `max` characters; in mrkdwn only links, dates, channels, persons and user groups by id may stand. */
export function textObject(
  place: string,
  value: unknown,
  { max, plain = false }: { max: number; plain?: boolean },
): readonly string[] {
  if (!isFields(value)) return [`${place}: must be a text object`];
  const { type, text } = value;
  if (type !== 'plain_text' && (plain || type !== 'mrkdwn'))
    return [`${place}: text of type ${String(type)}`];
  const found = length(`${place}/text`, text, { max });
  if (found.length > 0 || typeof text !== 'string') return found;
  if (type === 'mrkdwn' && MARKUP.test(text)) return [`${place}/text: markup that is no link and no date`];
  return /<[!@#]/u.test(text) && type === 'plain_text' ? [`${place}/text: looks like a mention`] : [];
}
