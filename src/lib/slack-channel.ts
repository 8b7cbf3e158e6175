/** The problem with the name or ID of a Slack channel, to follow `invalid channel:`; undefined when it is valid. */
export function channelProblem(text: string): string | undefined {
  if (CHANNEL_ID.test(text) || CHANNEL_NAME.test(text)) return undefined;
  if (text === '')
    return 'found an empty value, expected a channel name in quotes ("#shop-oncall"): # starts a comment in YAML';
  const bare = `#${text.toLowerCase()}`;
  const expected = CHANNEL_NAME.test(bare)
    ? `"${bare}" or a channel ID`
    : 'a channel like "#shop-oncall" or an ID like C0123456789';
  return `found ${JSON.stringify(text)}, expected ${expected}`;
}

const CHANNEL_ID = /^[CG][A-Z0-9]{7,}$/;

const CHANNEL_NAME = /^#[^\sA-Z#@.,:;'"!?()<>{}[\]/\\]{1,80}$/;
