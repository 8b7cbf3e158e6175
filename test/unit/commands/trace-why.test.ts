import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/commands/answer.ts';
import { parseCommand } from '../../../src/commands/commands.ts';
import { writeCommand } from '../../../src/commands/table.ts';
import type { WhyQuery, WhySlow } from '../../../src/culprit/collect.ts';
import { before, ms, ratio, us } from '../../../src/lib/units.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import type { ServiceObjective } from '../../../src/rules/rule.ts';
import { MINUTE, now, open, textOf } from './bench.ts';

const LAST = ms(15 * MINUTE);
const WINDOW = { start: before(now, LAST), end: now };

describe('/trace why, as it is typed', () => {
  const understood: Readonly<Record<string, { text: string; command: object; share?: boolean }>> = {
    'a service': { text: 'why checkout', command: { service: 'checkout', last: LAST } },
    'another time range': { text: 'why checkout last 1h', command: { last: 60 * MINUTE } },
    'an operation': { text: 'why checkout op POST /checkout', command: { operation: 'POST /checkout' } },
    'for everyone': { text: 'why checkout share', command: {}, share: true },
    'a fixed window': {
      text: 'why checkout at 2026-11-20T14:00:00Z/2026-11-20T14:10:00Z',
      command: { last: 10 * MINUTE },
    },
  };
  it.each(Object.entries(understood))('%s', (_, { text, command, share = false }) => {
    const parsed = parseCommand('/trace', text);
    expect(parsed).toMatchObject({ ok: true, share, command: { kind: 'why', ...command } });
    if (!parsed.ok) return;
    const written = writeCommand(parsed.command)?.replace('/trace ', '') ?? '';
    expect(parseCommand('/trace', written)).toMatchObject({ ok: true, command: parsed.command });
  });

  const refused: Readonly<Record<string, { text: string; problem: RegExp; suggestion?: string }>> = {
    'no service': { text: 'why', problem: /Specify a service: \/trace why checkout/ },
    'an option of another command': {
      text: 'why checkout top 5',
      problem: /"top" is not an option/,
    },
    'a duration without last': {
      text: 'why checkout 30m',
      problem: /"30m" is not an option/,
      suggestion: '/trace why checkout last 30m',
    },
  };
  it.each(Object.entries(refused))('%s', (_, { text, problem, suggestion }) => {
    const parsed = parseCommand('/trace', text);
    expect(parsed).toMatchObject({ ok: false, problem: expect.stringMatching(problem) });
    if (suggestion !== undefined) expect(parsed).toMatchObject({ suggestion });
  });
});

const NOT_SLOWER: WhySlow = {
  endpoint: { operation: 'GET /cart' },
  excess: { threshold: us(50_000), slow: 1, ofSlow: 90, normal: 2, ofNormal: 100, isLarger: false },
  result: { kind: 'not-slower', slow: 1, normal: 100 },
  slow: { window: WINDOW, example: { traceId: 'a'.repeat(32), duration: us(60_000) } },
  normal: { window: WINDOW },
  searches: 16,
  isIncomplete: false,
};

const objective = (
  selector: string,
  threshold: number,
  serviceLabel = 'destination_service_name',
): ServiceObjective => ({
  family: { ...PRESETS.istio.family, selector, serviceLabel },
  by: ['destination_service_name'],
  quantile: ratio(0.99),
  threshold: ms(threshold),
  window: ms(5 * MINUTE),
});

/** The query that the command makes with these objectives. */
async function queryWith(
  objectives: readonly ServiceObjective[],
  text: string,
): Promise<WhyQuery | undefined> {
  let query: WhyQuery | undefined;
  const answer = open().answerWith({
    ruleSet: () => ({ groups: [], objectives }),
    explainSlowness: async (given) => {
      query = given;
      return NOT_SLOWER;
    },
  });
  await answer('/trace', text);
  return query;
}

describe('/trace why, answered', () => {
  it('explains the requests of the last 15 minutes, and can be shared as they were', async () => {
    const answer = open().answerWith({ explainSlowness: async () => NOT_SLOWER });
    const reply = await answer('/trace', 'why checkout share');
    expect(reply).toMatchObject({
      share: true,
      reproducible: '/trace why checkout.shop at 2026-11-20T14:15:00Z/2026-11-20T14:30:00Z',
      answer: {
        kind: 'why',
        view: {
          command: { service: 'checkout.shop' },
          why: NOT_SLOWER,
          examples: { slow: { url: `http://jaeger/trace/${'a'.repeat(32)}` } },
        },
      },
    });
    const links = (reply.answer as Extract<Answer, { kind: 'why' }>).view.links;
    expect(links.map(({ label }) => label)).toEqual(['Slow traces in Jaeger', 'Normal traces in Jaeger']);
    expect(links[0]?.url).toContain('minDuration=50ms');
    expect(links[1]?.url).not.toContain('minDuration');
  });

  const BASE = 'reporter="destination"';
  const thresholds: Readonly<Record<string, readonly [readonly ServiceObjective[], number | undefined]>> = {
    'without an objective: none': [[], undefined],
    'of an objective for all services': [[objective(BASE, 500)], 500_000],
    'of the objective that names the service': [
      [objective(BASE, 100), objective(`${BASE}, destination_service_name="checkout"`, 250)],
      250_000,
    ],
    'of one that names it among others': [
      [objective(`destination_service_name=~"cart|checkout"`, 300)],
      300_000,
    ],
    'of one that names it by a label with dots': [
      [objective('"service.name"="checkout"', 250, 'service.name'), objective(BASE, 100)],
      250_000,
    ],
    'not of one for another service': [[objective('destination_service_name="cart"', 300)], undefined],
    'the lowest of several': [[objective(BASE, 500), objective(BASE, 200)], 200_000],
  };
  it.each(Object.entries(thresholds))('takes the threshold %s', async (_, [objectives, threshold]) => {
    expect(await queryWith(objectives, 'why checkout')).toMatchObject({
      service: 'checkout.shop',
      window: WINDOW,
      threshold,
    });
  });

  it('reads op as the name of a span, or as a request', async () => {
    expect(await queryWith([], 'why checkout op "GET /cart"')).toMatchObject({ operation: 'GET /cart' });
    expect(await queryWith([], 'why checkout op "POST /orders/archive"')).toMatchObject({
      requestLine: 'POST /orders/archive',
    });
  });

  it('names the operations of the service when it does not have the given one', async () => {
    const reply = await open().answer('/trace', 'why checkout op Checkout');
    expect(textOf(reply.answer)).toBe('checkout.shop has no operation "Checkout". Operations: "GET /cart".');
  });

  it('offers the services that the name is like', async () => {
    const reply = await open().answer('/trace', 'why chekout');
    expect(reply.answer).toMatchObject({
      kind: 'unknown-service',
      nearest: ['checkout.shop'],
      retry: '/trace why {service} last 15m',
    });
  });

  it('explains why it compares nothing', async () => {
    const reply = await open().answer('/trace', 'why checkout');
    expect(reply.answer).toMatchObject({ kind: 'why', view: { why: { result: { kind: 'too-few' } } } });
  });
});
