import {
  boolean,
  type Check,
  exactlyOne,
  type Fields,
  list,
  object,
  type Place,
  refuse,
  string,
  tagged,
} from './check.ts';

/**
 * Composition objects of Block Kit. Limits: docs.slack.dev/reference/block-kit/composition-objects and @slack/types,
 * the lower number where they differ (an option's `value` is 75 in the types, 150 in the text).
 */

const plain = (max: number): Check =>
  object({ required: { type: string(), text: string({ max }) }, optional: { emoji: boolean } });

const mrkdwn = (max: number): Check =>
  object({ required: { type: string(), text: string({ max }) }, optional: { verbatim: boolean } });

/** A `plain_text` or `mrkdwn` object of 1 to `max` characters. */
export const text = (max = 3000): Check => {
  const kinds = { plain_text: plain(max), mrkdwn: mrkdwn(max) };
  return tagged(() => kinds);
};

export const plainText = (max: number): Check => {
  const kinds = { plain_text: plain(max) };
  return tagged(() => kinds);
};

export const markdownText = (max: number): Check => {
  const kinds = { mrkdwn: mrkdwn(max) };
  return tagged(() => kinds);
};

export const confirm: Check = object({
  required: { text: text(300) },
  optional: {
    title: plainText(100),
    confirm: plainText(30),
    deny: plainText(30),
    style: string({ oneOf: ['primary', 'danger'] }),
  },
});

/** An option of a menu (`plain`), or of radio buttons and checkboxes (mrkdwn allowed). */
export const option = (rules: { plain: boolean; url?: boolean }): Check =>
  object({
    required: { text: rules.plain ? plainText(75) : text(75), value: string({ max: 75 }) },
    optional: {
      description: rules.plain ? plainText(75) : text(75),
      ...(rules.url === true ? { url: string({ max: 3000 }) } : {}),
    },
  });

export const optionGroup: Check = object({
  required: { label: plainText(75), options: list(option({ plain: true }), { max: 100 }) },
});

const slackFile: Check = (value, place) => {
  object({
    optional: { id: string(), url: string({ max: 3000 }) },
    rules: [exactlyOne('id', 'url'), knownImage],
  })(value, place);
};

function knownImage(fields: Fields, place: Place): void {
  if (!place.context.hasImage(fields)) refuse(place, 'invalid slack file');
}

/** The two ways to name an image; exactly one of them must be given. */
export const imageSource: Readonly<Record<string, Check>> = {
  image_url: string({ max: 3000, pattern: /^https?:\/\// }),
  slack_file: slackFile,
};

export const image: Check = object({
  required: { type: string(), alt_text: string({ max: 2000 }) },
  optional: { ...imageSource },
  rules: [exactlyOne('image_url', 'slack_file')],
});
