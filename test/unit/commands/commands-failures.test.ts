import { describe, expect, it } from 'vitest';
import { ms } from '../../../src/lib/units.ts';
import { aTraceSourceError } from '../../support/fake-trace-source.ts';
import { open, requests, textOf } from './bench.ts';

describe('every error is an answer', () => {
  it('a backend that fails, with what to do', async () => {
    const { answer, source, logger } = open();
    source.before('services', () => {
      throw aTraceSourceError();
    });
    const reply = await answer('/trace', 'slowest checkout share');
    expect(reply).toEqual({
      answer: {
        kind: 'failed',
        text: 'Jaeger did not respond: jaeger:16686 refused the connection. Check that it runs.',
      },
      share: false,
    });
    expect(logger.messages('warn')).toEqual(['command not answered']);
  });

  it('a bug, with its error in the log only', async () => {
    const { answer, answerWith, logger } = open();
    const broken = answerWith({
      ruleSet: () => {
        throw new TypeError('x is undefined');
      },
    });
    expect(textOf((await broken('/slo', '')).answer)).toBe("Internal error. Details are in the bot's log.");
    expect(logger.lines[0]).toMatchObject({ level: 'error', fields: { error: 'TypeError: x is undefined' } });
    expect(await answer('/slo', '')).toMatchObject({ answer: { kind: 'slo-status' } });
  });

  it('a backend that hangs and ignores its signal', async () => {
    const { answer, source, clock } = open();
    source.before('services', () => new Promise(() => {}));
    const pending = answer('/trace', 'slowest checkout');
    await clock.advance(18_500);
    expect(textOf((await pending).answer)).toBe(
      'Jaeger did not respond within 18 s. Check whether Jaeger is overloaded, or use a shorter time range.',
    );
    expect(clock.sleepers()).toBe(0);
  });

  it('a store that hangs is named, not Jaeger', async () => {
    const { answerWith, clock, deps } = open();
    const answer = answerWith({ alerts: { ...deps.alerts, firing: () => new Promise(() => {}) } });
    const pending = answer('/slo', 'silence checkout for 2h');
    await clock.advance(18_500);
    expect(textOf((await pending).answer)).toMatch(/^The store did not respond/);
  });

  it('a slow backend: the partial result is returned', async () => {
    const { answer, source, clock } = open(requests(100));
    source.before('search', async (signal, call) => {
      if (call === 1) return;
      await clock.sleep(ms(3_600_000), signal);
      throw aTraceSourceError('timeout');
    });
    const pending = answer('/trace', 'slowest checkout last 2h at 2026-11-20T14:00Z/2026-11-20T16:00Z');
    expect((await pending).answer.kind).toBe('usage');
    const slow = answer('/trace', 'slowest checkout at 2026-11-20T14:00Z/2026-11-20T16:00Z');
    await clock.advance(18_000);
    expect((await slow).answer).toMatchObject({
      kind: 'slowest',
      view: {
        result: {
          isComplete: false,
          completeness: 'Incomplete: timed out after 1 search, slower traces may exist',
        },
      },
    });
  });

  it('nothing found before the end of an incomplete search is not called absent', async () => {
    // More traces match in the backend than one search returns, and in none of them the service's own span failed.
    const others = requests(100).map((trace) => ({
      ...trace,
      spans: trace.spans.map((span) => ({ ...span, attributes: { error: true } })),
    }));
    const { answer, source, clock } = open(others);
    source.before('search', async (signal, call) => {
      if (call === 1) return;
      await clock.sleep(ms(3_600_000), signal);
      throw aTraceSourceError('timeout');
    });
    const failed = answer('/trace', 'slowest checkout failed at 2026-11-20T14:00Z/2026-11-20T16:00Z');
    await clock.advance(18_000);
    expect(textOf((await failed).answer)).toBe(
      'No trace of checkout.shop in which its span failed was found from 14:00 to 16:00 UTC, but the search is incomplete after 1 request to Jaeger. Use a shorter time range.',
    );
  });
});
