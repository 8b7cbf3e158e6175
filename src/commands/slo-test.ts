import type { Suppression } from '../alerts/alert.ts';
import type { TestOutcome } from '../evaluation/test-alert.ts';
import type { Phrase } from '../lib/format.ts';
import { suppressionText } from '../messages/alert-subject.ts';
import { linesAnswer } from './answer.ts';
import type { CommandForm, CommandInput, Parsed } from './command.ts';
import { unquoted } from './slo-alert-actions.ts';

/** Why it is suppressed: by whom, until when and with which comment where a person silenced it. */
function suppressedPhrase(suppressed: Suppression): Phrase {
  const { silence, until, by: comment } = suppressed;
  if (silence === undefined) return [`${suppressionText(suppressed)}.`];
  const why = comment === '' ? '.' : `: ${comment}.`;
  return [
    'Silenced by ',
    { person: silence.by },
    ...(until === undefined ? [] : [' until ', { at: until }]),
    why,
  ];
}

/** `/slo test`. */
export interface TestCommand {
  readonly kind: 'test';
  readonly service?: string;
  /** Whether the message mentions whom a breach would mention. */
  readonly mentions: boolean;
}

export const sloTest: CommandForm<TestCommand> = {
  slash: '/slo',
  kind: 'test',
  keywords: ['test'],
  needs: 'test',
  usage: 'test [service] [mention]',
  summary:
    'Posts a sample breach, marked TEST, where a real one would go; it closes by itself after 5 minutes',
  system: 'prometheus',
  parse: parseTest,
  run: async ({ command: { service, mentions }, by }, { tests }) => ({
    answer: linesAnswer(testPhrase(await tests.start({ service, mentions, by }), { service, mentions })),
  }),
};

function parseTest({ text }: CommandInput): Parsed<TestCommand> {
  const [, before = '', mention] = /^(.*?)\s*(\bmention)?$/isu.exec(text) ?? [];
  const service = unquoted(before);
  if (/\s/u.test(service)) return { problem: 'Specify one service: /slo test checkout.' };
  return {
    command: { kind: 'test', service: service === '' ? undefined : service, mentions: mention !== undefined },
    share: false,
  };
}

/** What became of a test, as a sentence. */
export function testPhrase(
  outcome: TestOutcome,
  { service = 'this service', mentions }: { readonly service?: string; readonly mentions: boolean },
): Phrase {
  switch (outcome.kind) {
    case 'posted': {
      const channels = outcome.channels.map((channel) => channel ?? 'the default channel').join(' and ');
      const of = outcome.service === undefined ? '' : ` of ${outcome.service}`;
      return [
        `A test breach${of} is posted to ${channels}, ${mentions ? 'with' : 'without'} mentions. It closes by itself at `,
        { at: outcome.endsAt },
        '.',
      ];
    }
    case 'suppressed':
      return [
        'Not posted, as a real breach would not be now. ',
        ...(outcome.alert.suppressed === undefined
          ? ['Suppressed.']
          : suppressedPhrase(outcome.alert.suppressed)),
      ];
    case 'muted':
      return ['Not posted, as a real breach would not be now: the time intervals of its route mute it.'];
    case 'unknown-service': {
      const names = outcome.nearest.join(', ');
      return [`No rule has data of ${service}.${names === '' ? '' : ` Did you mean ${names}?`}`];
    }
    case 'too-many':
      return ['Not posted: too many tests are active. Wait until one has closed.'];
  }
}
