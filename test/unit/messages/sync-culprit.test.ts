import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { GroupedAlert } from '../../../src/alerts/alert.ts';
import type { WhyQuery, WhySlow } from '../../../src/culprit/collect.ts';
import type { Candidate } from '../../../src/culprit/result.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import { MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { aCandidate, aCulpritResult } from '../../support/culprit-result.ts';
import { START } from '../../support/virtual-clock.ts';
import { inVirtualTime } from '../slack/slack-server.ts';
import { alertOf, resolved, rule, useBed } from './sync-bed.ts';

const candidate = (service: string, over: Partial<Candidate> = {}): Candidate =>
  aCandidate({ service, ...over });
const compared = aCulpritResult;

let asked: WhyQuery[];
/** What a comparison finds next, or why it fails. */
let result: WhySlow['result'] | UpstreamError;
let takes: number;
/** What metrics say about it. */
let more: Partial<WhySlow>;
beforeEach(() => {
  more = {};
  asked = [];
  result = compared();
  takes = 3 * SECOND;
});

const bed = useBed({
  explainSlowness: async (query) => {
    asked.push(query);
    await bed.stand.clock.sleep(ms(takes));
    if (result instanceof UpstreamError) throw result;
    const { window } = query;
    const where = { slow: { window }, normal: { window } };
    return { endpoint: {}, result, ...where, searches: 12, isIncomplete: false, ...more };
  },
});

const shown = (): string => JSON.stringify(bed.messages()[0]?.blocks);
const seconds = async (count: number): Promise<void> => {
  for (let second = 0; second < count; second += 1) {
    await bed.stand.clock.advance(SECOND);
    await bed.drain();
  }
};
const firing = async (value = 0.07): Promise<void> => {
  await bed.decide('firing', alertOf({ value, seenAt: bed.stand.clock.now() }));
  await bed.drain();
};
const HEADLINE =
  '*Culprit:* payments.shop, POST /charge, own code: +412 of +455 ms (91%). Confidence high (50 of 50 resamples, 40 slow and 40 normal traces).';

it('a breach is posted and gets its traces first, and its culprit by a second edit', async () => {
  await firing();
  expect(bed.called('chat.update')).toHaveLength(1);
  expect(shown()).not.toContain('Culprit');
  expect(shown()).not.toContain('/trace evidence');
  await seconds(5);
  expect(bed.called('chat.update')).toHaveLength(2);
  expect(shown()).toContain(HEADLINE);
  expect(shown()).toMatch(/"value":"\/trace why checkout\.shop at [^"]+"/);
  expect(shown()).toContain(`"value":"/trace evidence ${alertOf({}).alertId}"`);
  expect(asked).toMatchObject([{ service: 'checkout.shop', threshold: 500_000, isBreach: true }]);
  expect((await bed.store.pendingMessages()).depth).toBe(0);
});

it('shows below the culprit what metrics say about it, each with its query', async () => {
  const url = 'https://prometheus.example/graph?g0.expr=a&g0.tab=0';
  more = {
    signals: [[{ text: 'Version v2 of payments | <began>', url }, ' ', { at: START }], ['Without a link']],
    warnings: [['Prometheus and traces disagree.']],
    coverage: {
      requests: 15_000,
      traced: 450,
      threshold: ms(500),
      slow: { requests: 1_200, traced: 4, isAtLeast: false },
    },
  };
  await firing();
  await seconds(5);
  expect(bed.messages()[0]?.blocks[1]).toMatchObject({ text: { text: expect.stringContaining(HEADLINE) } });
  const { text } = (bed.messages()[0]?.blocks ?? [])[2] as unknown as { text: { text: string } };
  const [first, second, ...warnings] = text.text.split('\n');
  expect(first).toMatch(
    /^• <https:\/\/prometheus\.example\/graph\?g0\.expr=a&amp;g0\.tab=0\|Version v2 of payments ¦ &lt;began&gt;> <!date\^\d+\^\{time\}\|/,
  );
  expect(second).toBe('• Without a link');
  expect(warnings).toEqual([
    ':warning: Prometheus and traces disagree.',
    ':warning: 4 of about 1,200 requests slower than 500 ms were traced (0.3%).',
  ]);
});

it('traces that stop after a culprit was named are said beside it', async () => {
  await firing();
  await seconds(5);
  result = { kind: 'too-few', slow: 0, normal: 40 };
  more = { warnings: [['The traces of checkout.shop stop at ', { at: START }, '.']] };
  await seconds(120);
  await firing(0.08);
  await seconds(5);
  expect(shown()).toContain(HEADLINE.slice(0, -1));
  expect(shown()).toContain(':warning: The traces of checkout.shop stop at <!date');
});

it('an unclear result lists three candidates', async () => {
  const candidates = ['payments', 'orders', 'stock'].map((service) => candidate(service));
  result = compared({ confidence: 'unclear', candidates });
  await firing();
  await seconds(5);
  expect(shown()).toMatch(/\*Culprit:\* unclear .*- payments, .*- orders, .*- stock, /);
});

describe('before the slow traces arrived', () => {
  it('nothing is said, and the culprit is named soon after they did', async () => {
    result = { kind: 'not-slower', slow: 0, normal: 40 };
    await firing();
    await seconds(10);
    expect(shown()).not.toMatch(/culprit/iu);
    result = compared();
    await seconds(8);
    expect(shown()).toContain(HEADLINE);
    expect(bed.thread(bed.messages()[0])).toEqual([]);
  });

  it('a culprit found in few of them is shown, and compared again soon', async () => {
    result = compared({ slow: 6, confidence: 'medium' });
    await firing();
    await seconds(5);
    expect(shown()).toContain('Confidence medium');
    result = compared();
    await seconds(8);
    expect(shown()).toContain(HEADLINE);
    await seconds(60);
    expect(asked).toHaveLength(2);
  });

  it('which may be never, the reason is shown after a while and Jaeger is searched less and less', async () => {
    result = { kind: 'too-few', slow: 3, normal: 40 };
    await firing();
    await seconds(30);
    expect(shown()).toContain('Not compared: 3 slow and 40 normal traces');
    expect(shown()).not.toContain('/trace evidence');
    await seconds(70);
    expect(asked).toHaveLength(7);
    expect((await bed.store.pendingMessages()).depth).toBe(0);
  });
});

it('the comparison is repeated after two minutes, not with every edit', async () => {
  for (let edit = 0; edit < 9; edit += 1) {
    await firing(0.07 + edit / 100);
    await seconds(30);
  }
  expect(asked).toHaveLength(3);
});

it('another result is said in the thread before the message shows it', async () => {
  await firing();
  await seconds(5);
  result = compared({ candidates: [candidate('orders.shop', { kind: 'database', detail: 'orders-db' })] });
  await seconds(120);
  await firing(0.08);
  await seconds(5);
  expect(shown()).toContain('*Culprit:* orders.shop, POST /charge, database orders-db');
  expect(bed.thread(bed.messages()[0]).map(({ text }) => text)).toEqual([
    expect.stringMatching(/another result.*orders\.shop.*Before: Culprit: payments\.shop/u),
  ]);
});

it('the first culprit after an unclear comparison is said once, without a word about a change', async () => {
  result = compared({ confidence: 'unclear' });
  await firing();
  await seconds(5);
  expect(shown()).toContain('Culprit:* unclear');
  result = compared();
  await seconds(120);
  await firing(0.08);
  await seconds(5);
  expect(shown()).toContain(HEADLINE);
  expect(bed.thread(bed.messages()[0]).map(({ text }) => text)).toEqual([
    expect.stringMatching(/More traces arrived\. Culprit: payments\.shop(?!.*Before)/u),
  ]);
});

it('a comparison that fails keeps the last result with its time', async () => {
  await firing();
  await seconds(5);
  result = new UpstreamError({ system: 'jaeger', code: 'timeout', message: 'Slow.', advice: 'Wait.' });
  for (let edit = 0; edit < 3; edit += 1) {
    await seconds(120);
    await firing(0.08 + edit / 100);
    await seconds(5);
  }
  expect(shown()).toContain(HEADLINE.slice(0, -1));
  expect(shown()).toContain('as of <!date');
});

it('an ended alert keeps its culprit, also in a process that did not find it', async () => {
  await firing();
  await seconds(5);
  await bed.stand.clock.advance(12 * MINUTE);
  await bed.decide('resolved', resolved());
  const other = bed.syncOn(bed.store, { explainSlowness: () => Promise.reject(new Error('not asked')) });
  await inVirtualTime(bed.stand.clock, other.drain());
  expect(bed.messages()[0]?.text).toContain('recovered');
  expect(shown()).toContain('payments.shop, POST /charge, own code');
  expect(asked).toHaveLength(1);
});

it('traces that cannot be compared name nobody, and do not replace who was named', async () => {
  await firing();
  await seconds(5);
  result = { kind: 'too-few', slow: 3, normal: 40 };
  await seconds(120);
  await firing(0.08);
  await seconds(5);
  // Soon again while traces arrive: how often follows from how long the store takes, in which virtual time goes on.
  expect(asked.length).toBeGreaterThan(1);
  expect(shown()).toContain('*Culprit:* payments.shop');
  expect(bed.thread(bed.messages()[0])).toEqual([]);
});

it('a comparison that hangs does not keep a resolved alert open', async () => {
  takes = 60 * MINUTE;
  await firing();
  await seconds(3);
  await bed.decide('resolved', resolved());
  await seconds(3);
  expect(bed.messages()[0]?.text).toContain('recovered');
});

describe('of an alert group', () => {
  const services = ['stock', 'cart'];
  /** Shows the group with the named service as its worst; `ended` services do not fire any more. */
  const group = async (worst: string, ended: readonly string[] = [], sync = bed.sync): Promise<void> => {
    const now = bed.stand.clock.now();
    const rows = services
      .toSorted((a) => (a === worst ? -1 : 1))
      .map((name): GroupedAlert => {
        const state = ended.includes(name) ? 'resolved' : 'firing';
        return { fingerprint: name, alertId: name, name, state, value: 0.1, peak: 0.1, since: START };
      });
    const count = rows.filter(({ state }) => state === 'firing').length;
    const counts = { firing: count, 'no-data': 0, resolved: rows.length - count };
    const of = { service: worst };
    const alert = alertOf({ alertId: worst, series: of, labels: of, seenAt: now });
    const alertGroup = { id: 'group', startedAt: START, counts, rows };
    const desired = { group: 'g', alert, rule, asOf: now, alertGroup };
    const state = { evalTime: now, rules: {} };
    await bed.store.applyEvaluation({
      group: 'g',
      state,
      messages: [{ key: 'group', isNew: bed.messages().length === 0 || undefined, desired, at: now }],
    });
    await inVirtualTime(bed.stand.clock, sync.drain());
  };
  const askedFor = (): readonly string[] => asked.map(({ service }) => service);

  it('names the culprit of one service, the same one whichever is the worst later', async () => {
    await group('stock');
    await seconds(5);
    expect(shown()).toContain(HEADLINE.replace('Culprit:', 'Culprit of stock.shop:'));
    expect(shown()).toMatch(/"value":"\/trace why stock\.shop at [^"]+"/);
    const member = /"value":"\/trace evidence ([^"]+)"/.exec(shown())?.[1] ?? '';
    await vi.waitFor(async () =>
      expect(await bed.store.keptEvidence({ alertId: member, now: bed.stand.clock.now() })).toBeDefined(),
    );
    await group('cart');
    await seconds(60);
    await group('cart');
    expect(askedFor()).toEqual(['stock.shop']);
    await seconds(60);
    await group('cart');
    await seconds(5);
    expect(askedFor()).toEqual(['stock.shop', 'stock.shop']);
    expect(bed.thread(bed.messages()[0])).toEqual([]);
  });

  it('compares the worst one when the service no longer fires, and says another result in the thread', async () => {
    await group('stock');
    await seconds(5);
    result = compared({ candidates: [candidate('orders.shop')] });
    await seconds(120);
    await group('cart', ['stock']);
    await seconds(5);
    expect(askedFor()).toEqual(['stock.shop', 'cart.shop']);
    expect(shown()).toContain('*Culprit of cart.shop:* orders.shop, POST /charge');
    expect(bed.thread(bed.messages()[0]).map(({ text }) => text)).toEqual([
      expect.stringMatching(
        /another service were compared\. Culprit of cart\.shop: orders\.shop.*Before: Culprit of stock\.shop: payments\.shop/u,
      ),
    ]);
  });

  it('goes on to compare it in the next process, with its own labels, although another one is the worst', async () => {
    await group('stock');
    await seconds(5);
    const explainSlowness = async (query: WhyQuery): Promise<WhySlow> => {
      asked.push(query);
      const { window } = query;
      return {
        endpoint: {},
        result: compared(),
        slow: { window },
        normal: { window },
        searches: 1,
        isIncomplete: false,
      };
    };
    const other = bed.syncOn(bed.store, { explainSlowness });
    await seconds(120);
    await group('cart', [], other);
    expect(asked).toMatchObject([{ service: 'stock.shop' }, { service: 'stock.shop' }]);
    expect(asked[0]?.objective?.matchLabels).toMatchObject({ service: 'stock' });
    expect(asked[1]?.objective?.matchLabels).toEqual(asked[0]?.objective?.matchLabels);
    expect(asked[1]?.window.start).toBe(asked[0]?.window.start);
  });

  it('keeps it in a process that did not find it, and when the group has ended', async () => {
    await group('stock');
    await seconds(5);
    const explainSlowness = (query: WhyQuery): Promise<WhySlow> => {
      asked.push(query);
      return Promise.reject(new Error('not asked'));
    };
    const other = bed.syncOn(bed.store, { explainSlowness });
    await seconds(120);
    await group('cart', [], other);
    await group('cart', services, other);
    expect(shown()).toContain('*Culprit of stock.shop:* payments.shop');
  });
});
