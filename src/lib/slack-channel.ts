/** What is wrong with the name or id of a Slack channel; undefined when nothing is. */
export function channelProblem(text: string): string | undefined {
  if (CHANNEL_ID.test(text) || CHANNEL_NAME.test(text)) return undefined;
  if (text === '')
    return 'is empty: put a channel\'s name in quotes ("#shop-oncall"), since # starts a comment in YAML';
  const bare = `#${text.toLowerCase()}`;
  const near = CHANNEL_NAME.test(bare)
    ? `write "${bare}" or the channel's id`
    : 'write "#shop-oncall" or an id like C0123456789';
  return `is ${quoted(text)}, which is no channel: ${near}`;
}

const CHANNEL_ID = /^[CG][A-Z0-9]{7,}$/;

const CHANNEL_NAME = /^#[^\sA-Z#@.,:;'"!?()<>{}[\]/\\]{1,80}$/;

export const quoted = (text: string): string => (text === '' ? 'empty' : JSON.stringify(text));
