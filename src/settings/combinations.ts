import type { Environment, Mistake } from './environment.ts';
import { defaultOf } from './variables.ts';

/** Mistakes that lie in what several variables say together. */

/** Slack has to reach the bot in one of two ways. */
export function transportMistakes(environment: Environment): readonly Mistake[] {
  if (environment['SLACK_APP_TOKEN'] !== undefined || environment['SLACK_SIGNING_SECRET'] !== undefined)
    return [];
  const advice =
    'Set SLACK_APP_TOKEN to use Socket Mode, or SLACK_SIGNING_SECRET to receive requests over HTTP.';
  return [{ variable: 'SLACK_APP_TOKEN', found: 'nothing, and no SLACK_SIGNING_SECRET either', advice }];
}

/** Two listeners on one port: the second would fail at its start. */
export function portMistakes(environment: Environment): readonly Mistake[] {
  const opsPort = environment['OPS_PORT'] ?? defaultOf('OPS_PORT');
  const slackPort = environment['SLACK_PORT'] ?? defaultOf('SLACK_PORT');
  const isHttp = environment['SLACK_APP_TOKEN'] === undefined;
  if (!isHttp || opsPort === '0' || opsPort !== slackPort) return [];
  return [
    { variable: 'OPS_PORT', found: `${opsPort}, which is SLACK_PORT too`, advice: 'Write another port.' },
  ];
}

/** Both ways are one too many: said, not refused. */
export function doubleTransport(environment: Environment): readonly Mistake[] {
  if (environment['SLACK_APP_TOKEN'] === undefined || environment['SLACK_SIGNING_SECRET'] === undefined)
    return [];
  const advice = 'Socket Mode is used. Unset SLACK_APP_TOKEN to receive over HTTP.';
  return [{ variable: 'SLACK_SIGNING_SECRET', found: 'a signing secret beside SLACK_APP_TOKEN', advice }];
}
