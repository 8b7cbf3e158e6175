import { type Diagnosis, diagnosed, faulty, healthy, warning } from '../lib/diagnosis.ts';
import { type Calls, type CallsOptions, createCalls, reasonOf } from './calls.ts';
import { createChannels } from './channels.ts';
import { propertyOf } from './history.ts';
import { tokenProblem } from './receivers.ts';
import { BOT_SCOPES } from './scopes.ts';

export interface SlackDoctorOptions extends CallsOptions {
  /** The app-level token of Socket Mode, or the signing secret of HTTP. */
  readonly transport: { readonly appToken: string } | { readonly signingSecret: string };
  /** Channels that the settings and the rules name. */
  readonly channels: readonly string[];
}

const NO_ANSWER = 'Check the network and HTTPS_PROXY: the bot needs https://slack.com.';

/** Checks tokens, scopes and channels. Nothing is posted, and no connection for commands is opened. */
export async function diagnoseSlack(options: SlackDoctorOptions): Promise<readonly Diagnosis[]> {
  const { clock } = options;
  const calls = createCalls(options);
  const [[token, appToken], channels] = await Promise.all([
    Promise.all([
      diagnosed({ name: 'slack token', system: 'slack', clock }, () => botToken(calls)),
      diagnosed({ name: 'slack app', system: 'slack', clock }, () => transportOf(options)),
    ]),
    diagnosed({ name: 'slack channels', system: 'slack', clock }, () => channelsOf(calls, options)),
  ]);
  // With a rejected token no channel can be read: one line says it.
  return token.some(({ name, status }) => name === 'slack token' && status === 'error')
    ? [...token, ...appToken]
    : [...token, ...appToken, ...channels];
}

async function botToken(calls: Calls): Promise<readonly Diagnosis[]> {
  const name = 'slack token';
  const outcome = await calls.call('auth.test', {});
  if (outcome.kind === 'refused') return [faulty(name, sentences(tokenProblem('bot', outcome.code)))];
  if (outcome.kind !== 'done')
    return [faulty(name, [`Slack does not respond (${reasonOf(outcome)}).`, NO_ANSWER])];
  const { team, user } = outcome.data;
  const found = healthy(name, `The bot is ${String(user)} in the workspace ${String(team)}.`);
  return [found, scopes(propertyOf(outcome.data['response_metadata'], 'scopes'))];
}

/** Splits `what is wrong. What to do.` */
function sentences(text: string): readonly [string, string] {
  const at = text.indexOf('. ') + 1;
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `granted`: the scopes of the token, from the header `x-oauth-scopes` of every answer. */
function scopes(granted: unknown): Diagnosis {
  const name = 'slack scopes';
  if (!Array.isArray(granted)) return healthy(name, 'Slack does not report the scopes of the token.');
  const missing = BOT_SCOPES.filter((scope) => !granted.includes(scope));
  if (missing.length === 0)
    return healthy(name, `The token has the ${BOT_SCOPES.length} scopes that it needs.`);
  return faulty(name, [
    `The token lacks ${missing.join(', ')}.`,
    'Update the Slack app from its manifest in manifests/slack/ and reinstall it to the workspace.',
  ]);
}

/** A signing secret as Slack writes it. */
const SIGNING_SECRET = /^[0-9a-f]{32}$/;

async function transportOf({ transport, ...options }: SlackDoctorOptions): Promise<readonly Diagnosis[]> {
  if ('signingSecret' in transport) {
    const name = 'slack signing secret';
    if (SIGNING_SECRET.test(transport.signingSecret))
      return [
        healthy(
          name,
          'The signing secret has the right form; only a request of Slack shows that it is right.',
        ),
      ];
    return [
      warning(name, [
        'SLACK_SIGNING_SECRET is not 32 hexadecimal digits.',
        'Copy it from "Basic Information" of the Slack app.',
      ]),
    ];
  }
  const name = 'slack app token';
  const outcome = await createCalls({ ...options, botToken: transport.appToken }).call(
    'apps.connections.open',
    {},
  );
  if (outcome.kind === 'done') return [healthy(name, 'Socket Mode can be opened.')];
  if (outcome.kind === 'refused') return [faulty(name, sentences(tokenProblem('app-level', outcome.code)))];
  return [faulty(name, [`Slack does not respond (${reasonOf(outcome)}).`, NO_ANSWER])];
}

async function channelsOf(
  calls: Calls,
  { channels, clock }: Pick<SlackDoctorOptions, 'channels' | 'clock'>,
): Promise<readonly Diagnosis[]> {
  const read = await createChannels({ calls, clock }).states(channels);
  if (read.kind === 'unknown')
    return [
      warning('slack channels', [
        `The channels could not be read (${read.reason}).`,
        'Run this command again; the bot checks them too, see /readyz.',
      ]),
    ];
  return [...read.states].map(([channel, state]) => {
    const name = `slack channel ${channel}`;
    switch (state) {
      case 'member':
        return healthy(name, 'The bot is a member.');
      case 'not-member':
        return healthy(name, 'The channel is public: the bot can post and joins it when it must read.');
      case 'archived':
        return faulty(name, ['It is archived.', 'Unarchive it, or name another one.']);
      case 'missing':
        return faulty(name, ['It was not found.', 'Check its name; /invite the bot to a private channel.']);
    }
  });
}
