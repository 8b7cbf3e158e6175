import { APP_TOKEN_SCOPE } from './scopes.ts';

const REMEDIES = {
  bot: 'install the app again and set SLACK_BOT_TOKEN to its new token',
  app: `make an app-level token with the scope ${APP_TOKEN_SCOPE} and set SLACK_APP_TOKEN to it`,
} as const;

/** Slack does not take a token: only a person can mend that. */
export class SlackSetupError extends Error {
  override readonly name = 'SlackSetupError';
  /** Slack's word for it. */
  readonly code: string;
  constructor(code: string, token: 'bot' | 'app') {
    super(`Slack refuses the ${token} token (${code}): ${REMEDIES[token]}`);
    this.code = code;
  }
}
