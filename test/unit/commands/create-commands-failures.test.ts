import { describe, expect, it } from 'vitest';
import { createCommands } from '../../../src/commands/create-commands.ts';
import { ms } from '../../../src/lib/units.ts';
import { aTraceSourceError } from '../../support/fake-trace-source.ts';
import { now, open, requests, textOf } from './bench.ts';

describe('whatever goes wrong is an answer', () => {
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

  it('a mistake of the program, with its text in the log only', async () => {
    const { answer, options, logger } = open();
    const commands = createCommands({
      ...options,
      reportSloStatus: async () => {
        throw new TypeError('x is undefined');
      },
    });
    const reply = await commands.answer({ command: '/slo', text: '', now, by: 'U0ANN' });
    expect(textOf(reply.answer)).toBe('Something went wrong inside the bot; its log says what.');
    expect(logger.lines[0]).toMatchObject({ level: 'error', fields: { error: 'TypeError: x is undefined' } });
    expect(await answer('/slo', '')).toMatchObject({ answer: { kind: 'slo-status' } });
  });

  it('a backend that hangs and does not listen', async () => {
    const { answer, source, clock } = open();
    source.before('services', () => new Promise(() => {}));
    const pending = answer('/trace', 'slowest checkout');
    await clock.advance(18_500);
    expect(textOf((await pending).answer)).toBe(
      'Jaeger did not answer within 18 s. Try again, or ask about a shorter time.',
    );
    expect(clock.sleepers()).toBe(0);
  });

  it('a backend that is slow: what was found is handed over', async () => {
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
      view: { isExact: false, completeness: 'at least these: time was over after 1 search, not proven' },
    });
  });

  it('a caller that gives up', async () => {
    const { answer, source } = open();
    const caller = new AbortController();
    source.before('services', (signal) => {
      caller.abort();
      if (signal === undefined || signal.aborted) throw aTraceSourceError('timeout', 'given up');
    });
    const reply = await answer('/trace', 'slowest checkout', caller.signal);
    expect(reply.answer.kind).toBe('failed');
  });
});
