import { person } from './mrkdwn.ts';

/** More than this is no call for somebody any more. */
const MENTIONS_SHOWN = 10;

/** A mention that notifies: of a user group or of a person. What is no id is shown, and calls nobody. */
const mention = (id: string): string => (/^S[A-Z0-9]+$/.test(id) ? `<!subteam^${id}>` : person(id));

/** Whom a message calls, in one line. */
export const mentionLine = (ids: readonly string[]): string =>
  ids.slice(0, MENTIONS_SHOWN).map(mention).join(' ');
