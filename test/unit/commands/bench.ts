import type { Answer } from '../../../src/commands/answer.ts';
import type { CommandDeps, SlashCommand } from '../../../src/commands/command.ts';
import { createCommands } from '../../../src/commands/commands.ts';
import { createExplainSlowness } from '../../../src/culprit/collect.ts';
import { after, epochMs, epochUs, us } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createFindRequest } from '../../../src/traces/find-request.ts';
import { createFindSlowest } from '../../../src/traces/find-slowest.ts';
import { createInspectTrace } from '../../../src/traces/inspect-trace.ts';
import { createResolveService } from '../../../src/traces/resolve-service.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { aTrace, createFakeTraceSource } from '../../support/fake-trace-source.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

export const MINUTE = 60_000;
export const now = epochMs(START + 30 * MINUTE);
export const requestId = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';
export const unsampled = 'e4e8c177-3962-4359-8b6f-1c3a4d5e6f70';

/** Requests through the gateway to checkout.shop, of 10, 20, 30 ... ms, one a minute. */
export const requests = (count: number): readonly Trace[] =>
  Array.from({ length: count }, (_, i) => {
    const start = epochUs((START + (i + 1) * MINUTE) * 1_000);
    const duration = us((i + 1) * 10_000);
    const attributes = { 'guid:x-request-id': i === 0 ? requestId : `other-${i}` };
    return aTrace(`${i + 1}`, [
      { serviceName: 'gateway.shop', spanName: 'GET /', start, duration: us(duration * 2), attributes },
      {
        serviceName: 'checkout.shop',
        spanName: 'GET /cart',
        parentSpanId: '1'.padStart(16, '0'),
        start,
        duration,
      },
    ]);
  });

/** Alerts and silences of an installation in which nothing fires. */
const nothingFires: Pick<CommandDeps, 'alerts' | 'silences'> = {
  alerts: {
    acknowledge: async () => ({ kind: 'unknown' }),
    unacknowledge: async () => ({ kind: 'unknown' }),
    close: async () => ({ kind: 'unknown' }),
    firing: async () => [],
  },
  silences: {
    silence: async ({ matchers, duration, comment, by, now: at }) => ({
      silence: {
        id: '5ca1ab1e',
        matchers,
        startsAt: at,
        endsAt: after(at, duration),
        createdBy: by,
        createdAt: at,
        comment,
      },
      alerts: [],
    }),
    unsilence: async () => ({ kind: 'unknown', ids: [] }),
    list: async () => [],
    maintenance: async () => [],
  },
};

/** The commands on a backend with these traces. */
export function open(traces: readonly Trace[] = requests(8)) {
  const clock = createVirtualClock(now);
  const logger = createSpyLogger();
  const source = createFakeTraceSource(traces);
  const metrics = createFakeMetricsSource();
  metrics.answerLabel('destination_service_name', ['checkout', 'gateway']);
  const links = createLinks({ jaeger: 'http://jaeger' });
  const deps: CommandDeps = {
    traces: source,
    findSlowest: createFindSlowest({ traces: source, clock }),
    explainSlowness: createExplainSlowness({ traces: source, clock }),
    resolveService: createResolveService({ traces: source, clock }),
    findRequest: createFindRequest({ traces: source, links }),
    inspectTrace: createInspectTrace({ traces: source, links, clock }),
    rankRequest: async () => ({ period: 'last-hour', rows: [], notices: [] }),
    metrics,
    errorBudget: async () => ({ kind: 'pending' }),
    serviceBudgets: async () => ({ kind: 'pending' }),
    ruleSet: () => ({ groups: [], objectives: [] }),
    problemOf: () => undefined,
    channelProblems: () => [],
    ledger: async () => [],
    keptEvidence: async () => undefined,
    store: {
      loadGroup: async () => undefined,
      actions: async () => new Map(),
      shownMessage: async () => undefined,
    },
    ...nothingFires,
    tests: { start: async () => ({ kind: 'too-many' }) },
    people: { isMember: async () => true, usersOf: async () => [] },
    links,
    clock,
    logger,
  };
  const sendTo =
    (commands: ReturnType<typeof createCommands>) =>
    (command: SlashCommand, text: string): ReturnType<typeof commands.answer> =>
      commands.answer({ command, text, now, by: 'U0ANN' });
  return {
    clock,
    logger,
    source,
    metrics,
    deps,
    answer: sendTo(createCommands(deps)),
    /** The same with some parts replaced. */
    answerWith: (changed: Partial<CommandDeps>) => sendTo(createCommands({ ...deps, ...changed })),
  };
}

export const textOf = (answer: Answer): string =>
  answer.kind === 'nothing' || answer.kind === 'failed' ? answer.text : `(${answer.kind})`;
