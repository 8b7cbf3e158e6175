import { summarize } from '../../../src/traces/trace-summary.ts';
import { type Waterfall, waterfallOf } from '../../../src/traces/waterfall.ts';
import { drawn } from '../../support/drawn-trace.ts';

/** Gateway, checkout and payments, two attempts at payments of which the first failed, and a mail that nobody waits for. */
export function aWaterfall(over: Partial<Waterfall> = {}): Waterfall {
  const summary = summarize(
    drawn(`
      gateway:s               |==================================|
      toCheckout:c<gateway      |==============================|
      checkout:s<toCheckout       |==========================|
      toPayments:c<checkout         |====================|
      first@payments:s<toPayments     |=!=|
      second@payments:s<toPayments            |========|
      mail<checkout                                      |~~~~~~~~~~~~~~~~~~~~|
    `),
  );
  if (summary === undefined) throw new Error('the trace has spans');
  return { ...waterfallOf(summary), ...over };
}
