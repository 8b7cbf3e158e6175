import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/commands/answer.ts';
import type { CommandDeps } from '../../../src/commands/command.ts';
import type { People } from '../../../src/commands/permit.ts';
import { DEFAULT_PERMISSIONS, type Permissions } from '../../../src/policy/permission.ts';
import { open } from './bench.ts';

const GUEST: People = { isMember: async () => false, usersOf: async () => [] };
const SILENT: People = { isMember: async () => undefined, usersOf: async () => undefined };

async function send(people: People, text: string, permissions: Partial<Permissions> = {}): Promise<string> {
  const bench = open([]);
  const ruleSet = () => ({
    groups: [],
    objectives: [],
    permissions: { ...DEFAULT_PERMISSIONS, ...permissions },
  });
  const { answer } = await bench.answerWith({ people, ruleSet })('/slo', text);
  return plain(answer);
}

const plain = (answer: Answer): string =>
  answer.kind === 'lines'
    ? answer.lines
        .flatMap(({ phrase }) => phrase)
        .map((part) => (typeof part === 'string' ? part : 'person' in part ? `@${part.person}` : ''))
        .join('')
    : `(${answer.kind})`;

describe('a guest or a person of another organization', () => {
  it.each([
    'acknowledge checkout',
    'close checkout',
    'silence checkout for 1h',
    'unsilence 5ca1ab1e',
    'test',
  ])('may not send /slo %s, and learns who may', async (text) => {
    expect(await send(GUEST, text)).toMatch(
      /^You may not do this\. \w+ is for members of this workspace \(no guests\)\.$/,
    );
  });

  it('may look up', async () => {
    expect(await send(GUEST, '')).toBe('(slo-status)');
    expect(await send(GUEST, 'silences')).toBe('No active silences.');
  });
});

describe('permissions of the rule file', () => {
  it('refuse members whom they do not name, and name those who may', async () => {
    const member: People = { isMember: async () => true, usersOf: async () => ['U0BOB'] };
    const silence = ['S0ONCALL1', 'U0BOB0001'];
    expect(await send(member, 'silence checkout for 1h', { silence })).toBe(
      'You may not do this. Silencing is for @S0ONCALL1 and @U0BOB0001.',
    );
    expect(await send(member, '', { look_up: ['S0ONCALL1'] })).toBe(
      'You may not do this. Looking up is for @S0ONCALL1.',
    );
  });

  it('allow the people of a user group', async () => {
    const people: People = { isMember: async () => false, usersOf: async () => ['U0ANN'] };
    expect(await send(people, 'silence checkout for 1h', { silence: ['S0ONCALL1'] })).toMatch(
      /^Silenced until/,
    );
  });
});

describe('when Slack does not say who a person is', () => {
  it('an acknowledgement is accepted, anything else refused', async () => {
    expect(await send(SILENT, 'acknowledge checkout')).toBe('No alert is firing.');
    expect(await send(SILENT, 'silence checkout for 1h')).toMatch(
      /^Slack did not say whether you may do this\. Try again\. Silencing is for/,
    );
    expect(await send(SILENT, 'acknowledge checkout', { acknowledge: ['S0ONCALL1'] })).toMatch(
      /^Slack did not say/,
    );
  });

  it('a look-up that hangs is given up after three seconds', async () => {
    const hanging: People = { ...SILENT, isMember: () => new Promise(() => undefined) };
    const bench = open([]);
    const answered = bench.answerWith({ people: hanging })('/slo', 'close checkout');
    await bench.clock.advance(3_000);
    expect(plain((await answered).answer)).toMatch(/^Slack did not say/);
  });
});

describe('/slo test', () => {
  it.each([
    ['test', { mentions: false }],
    ['test checkout', { service: 'checkout', mentions: false }],
    ['test `checkout.shop` mention', { service: 'checkout.shop', mentions: true }],
    ['test mention', { mentions: true }],
  ])('/slo %s', async (text, request) => {
    const requests: unknown[] = [];
    const start: CommandDeps['tests']['start'] = async (given) => {
      requests.push(given);
      return { kind: 'muted' };
    };
    expect(plain((await open([]).answerWith({ tests: { start } })('/slo', text)).answer)).toMatch(
      /^Not posted/,
    );
    expect(requests).toEqual([{ service: undefined, ...request, by: 'U0ANN' }]);
  });

  it('takes one service', async () => {
    const { answer } = await open([]).answerWith({})('/slo', 'test checkout and cart');
    expect(answer).toMatchObject({ kind: 'usage', problem: 'Specify one service: /slo test checkout.' });
  });
});
