import { describe, expect, it } from 'vitest';
import { waterfallAltText } from '../../../src/traces/pictures.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { summarize } from '../../../src/traces/trace-summary.ts';
import { waterfallOf } from '../../../src/traces/waterfall.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

function wordsOf(trace: Trace): string {
  const summary = summarize(trace);
  if (summary === undefined) throw new Error('the trace has spans');
  return waterfallAltText(waterfallOf(summary), summary.breakdown);
}

describe('the alternative text of a waterfall', () => {
  it('has the duration, and what the time was spent on with shares', () => {
    expect(
      wordsOf(
        drawn(`
          gateway:s               |===================|
          toPayments:c<gateway      |===============|
          payments:s<toPayments         |=========|
        `),
      ),
    ).toBe(
      'Waterfall of gateway gateway: 20 ms, 3 spans in 3 services, no errors. Critical path: own code of payments payments 10 ms (50%); network and proxies from toPayments to payments 6 ms (30%); own code of gateway gateway 4 ms (20%).',
    );
  });

  it('has the failure of the request and the number of failed spans', () => {
    const words = wordsOf(
      drawn(`
        gateway:s   |===!=====|
        mail<gateway  |=!=|
      `),
    );
    expect(words).toContain('2 spans with an error, the request failed: failed.');
  });

  it('has errors that did not fail the request', () => {
    const words = wordsOf(
      drawn(`
        gateway:s   |=========|
        mail<gateway  |=!=|
      `),
    );
    expect(words).toContain('1 span with an error, the request did not fail.');
  });

  it('has the number of hidden spans', () => {
    const spans = Array.from({ length: 20 }, (_, i) => ({
      spanId: `s${i}`,
      ...(i === 0 ? {} : { parentSpanId: 's0' }),
    }));
    expect(wordsOf(aTrace('1', spans))).toMatch(/10 shorter spans not shown\.$/);
  });

  it('keeps to 1,000 characters whatever the names are', () => {
    const name = `a\u202e\n${'𝒳'.repeat(5_000)}`;
    const spans = Array.from({ length: 20 }, (_, i) => ({
      spanId: `s${i}`,
      serviceName: `${i}${name}`,
      spanName: name,
      ...(i === 0 ? {} : { parentSpanId: `s${i - 1}` }),
    }));
    const words = wordsOf(aTrace('1', spans));
    expect(words.length).toBeLessThanOrEqual(1_000);
    expect(words).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
  });
});
