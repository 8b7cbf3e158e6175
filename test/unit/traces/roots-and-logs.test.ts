import { describe, expect, it } from 'vitest';
import { epochMs } from '../../../src/lib/units.ts';
import type { Attributes, Trace } from '../../../src/traces/trace.ts';
import { traceNotices } from '../../../src/traces/trace-notices.ts';
import { summarize, type TraceSummary } from '../../../src/traces/trace-summary.ts';
import { timed } from '../../support/timed-trace.ts';

const summaryOf = (trace: Trace): TraceSummary => {
  const summary = summarize(trace);
  if (summary === undefined) throw new Error('the trace has spans');
  return summary;
};

describe('a trace with several roots', () => {
  it.each([
    ['the server', 'browser internal 0-500\nshop server 10-300\nworker client 0-900', 'shop'],
    ['the longest server', 'health server 0-1\nshop server 10-300', 'shop'],
    ['the gateway', 'gateway server 0-300 node_id=router~10.0.0.1\nworker server 310-900', 'gateway'],
    ['without a server the longest', 'documentLoad internal 0-5\nfetch client 400-3400', 'fetch'],
  ])('is that of %s', (_, text, root) => {
    expect(summaryOf(timed(text)).root.serviceName).toBe(root);
  });

  it('says that the parent span id was not passed on', () => {
    const summary = summaryOf(timed('a server 0-10\nb server 2-5'));
    expect(traceNotices(summary, epochMs(2_000_000_000_000))[0]).toBe(
      '2 of its spans have no parent: the trace id was passed on, the parent span id was not.',
    );
  });
});

describe('the detail of a failure in an OpenTracing log', () => {
  const detailOf = (attributes: Attributes): string | undefined => {
    const { traceId, spans } = timed('redis client 0-10 error=true');
    const logged = spans.map((span) => ({ ...span, events: [{ at: span.start, attributes }] }));
    return summaryOf({ traceId, spans: logged }).errors[0]?.detail;
  };
  it.each([
    [{ event: 'redis timeout', error: 'redis timeout', level: 'error' }, 'redis timeout'],
    [{ event: 'redis timeout', level: 'ERROR' }, 'redis timeout'],
    [{ event: 'error', message: 'connection reset' }, 'connection reset'],
    [{ event: 'error', 'error.object': 'EOF', message: 'read failed' }, 'EOF'],
    [{ 'error.object': 'context deadline exceeded' }, 'context deadline exceeded'],
    [{ error: 'context canceled' }, 'context canceled'],
    [
      { event: 'error', 'error.kind': 'Exception', 'error.object': '{}', message: 'pool is empty' },
      'pool is empty',
    ],
    [{ event: 'error', 'error.kind': 'TimeoutException' }, 'TimeoutException'],
    [{ severity: 'ERROR', message: 'no route to host' }, 'no route to host'],
    [{ event: 'done', error: false }, 'failed'],
    [{ event: 'retrying', level: 'info' }, 'failed'],
    [{ event: 'error' }, 'failed'],
  ])('%o is "%s"', (attributes, detail) => {
    expect(detailOf(attributes as Attributes)).toBe(detail);
  });
});
