import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { RuleGroupState, Suppression, Transition } from '../../../src/alerts/alert.ts';
import { type ReceivedRuleResult, receiveAlerts } from '../../../src/alerts/receive.ts';
import type { NotifiedAlert } from '../../../src/alerts/statements.ts';
import { fingerprint, type Labels } from '../../../src/lib/labels.ts';
import { after, type EpochMs, HOUR, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { createReceivedRules } from '../../../src/rules/file/received-rule.ts';
import { runsOf } from '../../support/runs.ts';
import { START } from '../../support/virtual-clock.ts';

const EXPR = 'histogram_quantile(0.99, sum by (le, service) (rate(latency_ms_bucket[5m]))) > 500';
const LABELS: Labels = { alertname: 'SlowCheckout', service: 'checkout', severity: 'page' };
const rules = createReceivedRules();
const RULE = rules({ labels: LABELS, annotations: {}, expr: EXPR });

const at = (minutes: number): EpochMs => after(START, ms(minutes * MINUTE));

/** One Alertmanager says something of the alert at a time. */
interface Said {
  readonly at: EpochMs;
  readonly status: NotifiedAlert['status'];
  readonly startsAt: EpochMs;
  readonly endsAt?: EpochMs;
  readonly from?: string;
  readonly labels?: Labels;
  readonly hasExpr?: boolean;
}

const PRINT = fingerprint(LABELS);
const SILENCE: Suppression = { kind: 'silence', by: 'Alertmanager (ann): deploy', since: START };

/** Prometheus's answer to the rule's expression and to its recovery query; null: it returns nothing. */
interface Answer {
  readonly value?: number | null;
  readonly recovery?: number;
  /** Whether Alertmanager lists the alert, and what suppresses it there. */
  readonly listed?: readonly [] | readonly [Suppression | undefined];
}

const sampleOf = (value: number) => ({ labels: { service: 'checkout' }, value });

function resultOf({ value, recovery }: Answer): ReadonlyMap<string, ReceivedRuleResult> {
  if (value === undefined) return new Map();
  const samples = value === null ? [] : [sampleOf(value)];
  return new Map([
    [RULE.key, { samples, recoverySamples: recovery === undefined ? undefined : [sampleOf(recovery)] }],
  ]);
}

/** Plays what is said, and evaluations in between; keeps what changed. */
function createPlay() {
  let state: Pick<RuleGroupState, 'rules' | 'received'> | undefined;
  const changes: string[] = [];
  const transitions: Transition[] = [];
  const step = (evalTime: EpochMs, said: readonly Said[], answer: Answer = {}): void => {
    const next = receiveAlerts({
      group: { id: 'received' },
      previous: state,
      notifications: said.map(
        ({ status, startsAt, endsAt, from = 'http://am', labels = LABELS, hasExpr }) => ({
          from,
          alerts: [
            {
              status,
              startsAt,
              endsAt,
              labels,
              annotations: { summary: 'slow' },
              rule: hasExpr === false ? rules({ labels, annotations: {} }) : RULE,
            },
          ],
        }),
      ),
      results: resultOf(answer),
      listed: answer.listed && new Map(answer.listed.map((suppressed) => [PRINT, suppressed])),
      evalTime,
    });
    state = {
      rules: Object.fromEntries(next.rules.map((each) => [each.rule.key, each.next])),
      received: next.received,
    };
    for (const transition of next.rules.flatMap((each) => each.transitions)) {
      const { kind, alert } = transition;
      transitions.push(transition);
      changes.push(kind === 'resolved' ? `${kind}: ${alert.resolveReason}` : kind);
    }
  };
  return {
    changes,
    transitions,
    say: (said: Said, answer?: Answer) => step(said.at, [said], answer),
    evaluate: (time: EpochMs, answer?: Answer) => step(time, [], answer),
    alerts: () => Object.values(state?.rules ?? {}).flatMap(({ alerts }) => alerts),
    received: () => state?.received ?? {},
  };
}

type Play = ReturnType<typeof createPlay>;

const firing = (minutes: number, startsAt = 0, from?: string): Said => ({
  at: at(minutes),
  status: 'firing',
  startsAt: at(startsAt),
  from,
});
const resolved = (minutes: number, startsAt: number, endsAt: number, from?: string): Said => ({
  ...firing(minutes, startsAt, from),
  status: 'resolved',
  endsAt: at(endsAt),
});

describe('the life of an alert that Alertmanagers send', () => {
  test.each<[string, (play: Play) => void, readonly string[]]>([
    [
      'it fires once and is resolved once, however often each is sent',
      (play) => {
        for (const minutes of [1, 1, 240]) play.say(firing(minutes));
        for (const minutes of [300, 300, 301]) play.say(resolved(minutes, 0, 299));
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'a firing notification that is sent again after the end does not reopen it',
      (play) => {
        play.say(firing(1));
        play.say(resolved(10, 0, 9));
        play.say(firing(11));
        play.say(firing(600));
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'a later start is another occurrence',
      (play) => {
        play.say(firing(1));
        play.say(resolved(10, 0, 9));
        play.say(firing(12, 11));
      },
      ['firing', 'resolved: resolved-by-alertmanager', 'firing'],
    ],
    [
      'an earlier or later start of an alert that is open is not: Alertmanager merges starts',
      (play) => {
        play.say(firing(5, 4));
        play.say(firing(6, 3));
        play.say(firing(7, 5));
      },
      ['firing'],
    ],
    [
      'an end of the occurrence before changes nothing',
      (play) => {
        play.say(firing(1));
        play.say(resolved(10, 0, 9));
        play.say(firing(12, 11));
        play.say(resolved(13, 0, 9));
      },
      ['firing', 'resolved: resolved-by-alertmanager', 'firing'],
    ],
    [
      'an end without a beginning is none, and its late beginning neither',
      (play) => {
        play.say(resolved(10, 0, 9));
        play.say(firing(11));
      },
      [],
    ],
    [
      'when Prometheus returns it again, Alertmanager resolved it falsely: it is reopened',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.say(resolved(10, 0, 9));
        play.say(firing(15), { value: 900 });
      },
      ['firing', 'resolved: resolved-by-alertmanager', 'firing'],
    ],
    [
      'a recovery that Prometheus shows is one',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.say(resolved(10, 0, 9), { value: null, recovery: 120 });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'another Alertmanager that still says that it fires keeps it open',
      (play) => {
        play.say(firing(1, 0, 'a'));
        play.say(resolved(10, 0, 9, 'b'));
        play.evaluate(at(12));
        play.say(firing(14, 0, 'a'));
        play.evaluate(at(60));
      },
      ['firing'],
    ],
    [
      'until it is resolved there too',
      (play) => {
        play.say(firing(1, 0, 'a'));
        play.say(resolved(10, 0, 9, 'b'));
        play.say(firing(11, 0, 'a'));
        play.say(resolved(12, 0, 11, 'a'));
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'or that one is silent for longer than its group interval',
      (play) => {
        play.say(firing(1, 0, 'a'));
        play.say(resolved(10, 0, 9, 'b'));
        play.evaluate(at(15));
        play.evaluate(at(16));
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'or Prometheus does not return it',
      (play) => {
        play.say(firing(1, 0, 'a'), { value: 812 });
        play.say(resolved(10, 0, 9, 'b'), { value: null, recovery: 100 });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'it stays open while Prometheus returns it and the two disagree',
      (play) => {
        play.say(firing(1, 0, 'a'), { value: 812 });
        play.say(resolved(10, 0, 9, 'b'), { value: 812 });
        play.evaluate(at(60), { value: 812 });
      },
      ['firing'],
    ],
    [
      'without a notification of its end it ends half an hour after Prometheus shows the recovery',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.evaluate(at(5), { value: 700 });
        play.evaluate(at(34), { value: null, recovery: 100 });
        play.evaluate(at(35), { value: null, recovery: 100 });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'at once where Alertmanager does not list it any more either',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.evaluate(at(2), { value: 812, listed: [] });
        play.evaluate(at(3), { value: null, recovery: 100, listed: [] });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'not while Alertmanager lists it',
      (play) => {
        play.say(firing(1), { value: 812 });
        for (const minutes of [60, 2_000])
          play.evaluate(at(minutes), { value: null, recovery: 100, listed: [undefined] });
      },
      ['firing'],
    ],
    [
      'missing data is no recovery, and another Prometheus that never returned it shows nothing',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.evaluate(at(600), { value: null });
        play.say(firing(601, 600));
        const other = createPlay();
        other.say(firing(1), { value: null });
        other.evaluate(at(600), { value: null, recovery: 100 });
        expect(other.changes).toEqual(['firing']);
      },
      ['firing'],
    ],
    [
      'it is closed when nothing was sent for a day',
      (play) => {
        play.say({ ...firing(1), hasExpr: false });
        play.evaluate(after(at(0), ms(24 * HOUR)));
        play.evaluate(after(at(1), ms(24 * HOUR)));
      },
      ['firing', 'resolved: not-notified'],
    ],
  ])('%s', (_, act, changes) => {
    const play = createPlay();
    act(play);
    expect(play.changes).toEqual(changes);
  });

  it('begins and ends at the times of Prometheus, with the value that the expression returns', () => {
    const play = createPlay();
    play.say(firing(2), { value: 812 });
    play.evaluate(at(3), { value: 640 });
    expect(play.alerts()[0]).toMatchObject({
      activeAt: at(0),
      firedAt: at(0),
      value: 640,
      peak: 812,
      series: { service: 'checkout' },
      annotations: { summary: 'slow' },
    });
    play.say(resolved(10, 0, 7));
    expect(play.alerts()[0]).toMatchObject({ state: 'resolved', resolvedAt: at(7) });
  });

  it('is suppressed as Alertmanager lists it, until it lists it otherwise or the alert ends', () => {
    const play = createPlay();
    const suppressed = () => play.received()[PRINT]?.suppressed;
    play.say(firing(1));
    play.evaluate(at(2), { listed: [SILENCE] });
    play.evaluate(at(3), { listed: [{ ...SILENCE, since: at(3) }] });
    play.say(firing(4));
    expect(suppressed()).toEqual(SILENCE);
    play.evaluate(at(5), { listed: [undefined] });
    expect(suppressed()).toBeUndefined();
    play.evaluate(at(6), { listed: [SILENCE] });
    play.say(resolved(7, 0, 6));
    expect(suppressed()).toBeUndefined();
  });

  it('tells alerts apart by their labels, not by the order of them', () => {
    const play = createPlay();
    const labels = { severity: 'page', service: 'checkout', alertname: 'SlowCheckout' };
    play.say(firing(1));
    play.say({ ...firing(1), labels });
    play.say({ ...firing(1), labels: { ...labels, service: 'cart', 'k8s.cluster': 'eu' } });
    expect(play.changes).toEqual(['firing', 'firing']);
  });

  it('gives the same occurrence the same id on every replica, and each occurrence another one', () => {
    const [one, other] = [createPlay(), createPlay()];
    one.say(firing(1));
    other.say(firing(3, 0, 'b'));
    expect(one.alerts()[0]?.alertId).toBe(other.alerts()[0]?.alertId);
    one.say(resolved(5, 0, 4));
    one.say(firing(9, 8));
    expect(one.alerts()[0]?.alertId).not.toBe(other.alerts()[0]?.alertId);
  });

  it('forgets an alert a day after its end', () => {
    const play = createPlay();
    play.say(firing(1));
    play.say(resolved(10, 0, 9));
    play.evaluate(after(at(9), ms(24 * HOUR)));
    expect(Object.keys(play.received())).toHaveLength(1);
    play.evaluate(after(at(11), ms(24 * HOUR)));
    expect(play.received()).toEqual({});
  });
});

/** A move: time passes, then an Alertmanager sends what it knows, again what it sent before, or nothing. */
const moves = fc.array(
  fc.record({
    seconds: fc.integer({ min: 1, max: 900 }),
    what: fc.constantFrom('breach', 'recover', 'send', 'resend', 'evaluate'),
    sender: fc.constantFrom('a', 'b'),
  }),
  { minLength: 1, maxLength: 40 },
);

interface Occurrence {
  readonly startsAt: EpochMs;
  readonly endsAt?: EpochMs;
}

type Move = (typeof moves extends fc.Arbitrary<infer List> ? List : never) extends (infer One)[]
  ? One
  : never;

/** The service, and two Alertmanagers that send what they know of it. */
function createSenders() {
  let occurrence: Occurrence | undefined;
  const sent: Said[] = [];
  const happens = (what: Move['what'], now: EpochMs): void => {
    const isBreaching = occurrence !== undefined && occurrence.endsAt === undefined;
    if (what === 'breach' && !isBreaching) occurrence = { startsAt: now };
    if (what === 'recover' && occurrence !== undefined && isBreaching)
      occurrence = { ...occurrence, endsAt: now };
  };
  const said = ({ what, seconds, sender }: Move, now: EpochMs): Said | undefined => {
    if (what === 'send' && occurrence !== undefined)
      return {
        at: now,
        from: sender,
        ...occurrence,
        status: occurrence.endsAt === undefined ? 'firing' : 'resolved',
      };
    const again = what === 'resend' ? sent[seconds % Math.max(1, sent.length)] : undefined;
    return again && { ...again, at: now };
  };
  return {
    sent,
    next: (move: Move, now: EpochMs): Said | undefined => {
      happens(move.what, now);
      const next = said(move, now);
      if (next !== undefined) sent.push(next);
      return next;
    },
  };
}

test('whatever is resent by whomever, an occurrence is posted once and ends once, and never while all say that it fires', () => {
  fc.assert(
    fc.property(moves, (played) => {
      const play = createPlay();
      const senders = createSenders();
      const newestOf = new Map<string, Said['status']>();
      let now = START;
      for (const move of played) {
        now = after(now, ms(move.seconds * SECOND));
        const before = play.changes.length;
        const said = senders.next(move, now);
        if (said === undefined) play.evaluate(now);
        else {
          newestOf.set(said.from ?? '', said.status);
          play.say(said);
        }
        const hasEnded = play.changes.slice(before).some((change) => change.startsWith('resolved'));
        // The day after which nothing is heard is not reached.
        if (hasEnded) expect([...newestOf.values()]).toContain('resolved');
      }
      const byId = new Map<string, string[]>();
      for (const { kind, alert } of play.transitions)
        byId.set(alert.alertId, [...(byId.get(alert.alertId) ?? []), kind]);
      for (const kinds of byId.values()) expect(['firing', 'firing,resolved']).toContain(kinds.join());
      // No more occurrences than there were breaches that were sent as firing.
      const firing = senders.sent.filter(({ status }) => status === 'firing');
      expect(byId.size).toBeLessThanOrEqual(new Set(firing.map(({ startsAt }) => startsAt)).size);
    }),
    { numRuns: runsOf(500) },
  );
});
