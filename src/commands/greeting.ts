import type { Clock } from '../lib/clock.ts';
import type { Phrase } from '../lib/format.ts';
import { count } from '../lib/format.ts';
import { DAY, type EpochMs } from '../lib/units.ts';
import type { Store } from '../messages/store.ts';
import { channelsIn, destinationsOf } from '../policy/route.ts';
import { NO_POLICY } from '../policy/suppress.ts';
import { createLocalTime, type LocalTimeIn } from '../policy/time-interval.ts';
import { knownLabels } from '../rules/file/route.ts';
import { namedChannels, type RuleSet } from '../rules/file/rule-file.ts';
import { ownGroupId } from '../rules/rule.ts';

/** Rules that are named; of more only the number is said. */
const NAMED = 5;

const COMMANDS: Phrase = [
  { code: '/trace slowest <service>' },
  ' finds slow requests, ',
  { code: '/slo' },
  ' lists every rule, ',
  { code: '/slo test' },
  ' posts a sample breach.',
];

/**
 * What the bot says in a channel that it was invited to: what it posts there, and what people can ask of it. `here`: how
 * the settings and the rules name that channel. Pure.
 */
export function greeting(
  { groups, policy = NO_POLICY }: RuleSet,
  channel: { readonly here: ReadonlySet<string>; readonly isDefault: boolean },
  now: { readonly at: EpochMs; readonly localTime: LocalTimeIn },
): readonly Phrase[] {
  const isHere = (name: string | undefined): boolean =>
    name === undefined ? channel.isDefault : channel.here.has(name);
  const rules = groups
    .flatMap((group) => group.rules)
    .filter((rule) =>
      destinationsOf(policy, { labels: knownLabels(rule), channel: rule.channel }, now).some((to) =>
        isHere(to.channel),
      ),
    );
  const names = [...new Set(rules.map(({ name }) => name))];
  return [postsPhrase(names, channelsIn(policy).some(isHere)), COMMANDS];
}

/** The greetings of the bot; each invitation has one, on whatever replica and however often Slack sends it. */
export function createGreetings({
  ruleSet,
  store,
  clock,
  defaultChannel,
}: {
  readonly ruleSet: () => RuleSet;
  readonly store: Pick<Store, 'claimTick'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly defaultChannel: string;
}) {
  const localTime = createLocalTime();
  return {
    channels: () => namedChannels(ruleSet(), defaultChannel),
    lines: (here: ReadonlySet<string>) =>
      greeting(ruleSet(), { here, isDefault: here.has(defaultChannel) }, { at: clock.now(), localTime }),
    // Slack sends an event for a day at most.
    claim: ({ channelId, at }: { readonly channelId: string; readonly at: EpochMs }) =>
      store.claimTick({ group: ownGroupId(`joined ${channelId}`), evalTime: at, ttl: DAY }),
  };
}

function postsPhrase(names: readonly string[], isRouted: boolean): Phrase {
  if (names.length > 0) {
    const listed: Phrase = names
      .slice(0, NAMED)
      .flatMap((name, index): Phrase => [...(index === 0 ? [] : [', ']), { code: name }]);
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
    return [`This bot posts SLO breaches of ${count(names.length, 'rule')} here: `, ...listed, `${more}.`];
  }
  if (isRouted)
    return ['This bot posts the SLO breaches here that the routes of its rule file send to this channel.'];
  return [
    'No SLO rule posts to this channel yet: name it as ',
    { code: 'channel' },
    ' of a rule or a route in the rule file.',
  ];
}
