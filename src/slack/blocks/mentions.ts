import { person } from './mrkdwn.ts';

/** More mentions are not shown. */
const MENTIONS_SHOWN = 10;

/** A mention of a user group or a user. Text that is not an id is shown and notifies nobody. */
const mention = (id: string): string => (/^S[A-Z0-9]+$/.test(id) ? `<!subteam^${id}>` : person(id));

/** The mentions of a message, in one line. */
export const mentionLine = (ids: readonly string[]): string =>
  ids.slice(0, MENTIONS_SHOWN).map(mention).join(' ');
