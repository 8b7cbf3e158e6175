import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManageAlerts } from '../../../src/actions/alert-actions.ts';
import { createTestAlerts } from '../../../src/evaluation/test-alert.ts';
import { MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import { slowShareOf } from '../../../src/rules/queries.ts';
import { isOwnGroup, type LatencyObjective } from '../../../src/rules/rule.ts';
import { aGroup, anAlert, aPlainRule, aRule } from '../../support/builders.ts';
import { takeDecided } from '../../support/decided.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { notificationsOf } from '../../support/notifications.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { expandValue } from '../../support/timeline.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

const objective: LatencyObjective = {
  family: PRESETS.istio.family,
  by: ['destination_service_name'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: ms(5 * MINUTE),
};
const rule = aRule({ name: 'Slow', for: ms(MINUTE), objective });
const SHARES = slowShareOf(objective.family, objective);

describe('a test notification', () => {
  let clock: VirtualClock;
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  let metrics: ReturnType<typeof createFakeMetricsSource>;
  beforeEach(async () => {
    clock = createVirtualClock();
    temp = await openTempStore(clock);
    metrics = createFakeMetricsSource();
    metrics.answer(SHARES, [
      { labels: { destination_service_name: 'cart' }, value: Number.NaN },
      { labels: { destination_service_name: 'checkout' }, value: 0.002 },
    ]);
  });
  afterEach(() => temp.dispose());

  type Policy = Parameters<typeof notificationsOf>[0];
  /** A replica, or the bot after a restart. */
  const replica = (policy: Policy = {}, groups = [aGroup({ rules: [aPlainRule(), rule] })]) =>
    createTestAlerts({
      store: temp.store,
      metrics,
      clock,
      recorder: createSpyRecorder(),
      logger: createSpyLogger(),
      expand: expandValue,
      notifications: notificationsOf(policy),
      groups: () => groups,
    });
  const route = {
    route: { matchers: [], channel: '#shop', mentions: { page: ['S0ONCALL1'] }, continue: false, routes: [] },
  };
  const decided = () =>
    takeDecided(temp.store).map(({ kind, alert, destination }) => ({
      kind,
      labels: alert.labels,
      value: alert.value,
      destination,
    }));
  const ownGroups = async () => (await temp.store.groups()).filter(isOwnGroup);

  it('has the value that a rule on a quantile compares, not the share of slow requests', async () => {
    const recovery = { expr: 'p99', comparison: '>', bound: 0.5 } as const;
    const quantile = aRule({ name: 'P99', valueKind: 'latency', objective, recovery });
    metrics.answer('p99', [{ labels: { destination_service_name: 'checkout' }, value: 0.31 }]);
    await replica(route, [aGroup({ rules: [quantile] })]).start({ mentions: false });
    expect(decided()).toMatchObject([{ kind: 'firing', value: 0.31 }]);
  });

  it('shows what a rule measures now, where its route leads, and ends after five minutes', async () => {
    const tests = replica(route);
    expect(await tests.start({ mentions: false })).toEqual({
      kind: 'posted',
      service: 'checkout',
      channels: ['#shop'],
      endsAt: START + 5 * MINUTE,
    });
    const posted = {
      labels: { alertname: 'Slow', destination_service_name: 'checkout', tailwatch_test: 'true' },
      value: 0.002,
      destination: { channel: '#shop', mentions: [] },
    };
    expect(decided()).toEqual([{ kind: 'firing', ...posted }]);
    for (let elapsed = 0; elapsed < 4; elapsed++) {
      await clock.advance(MINUTE);
      await tests.tick();
    }
    expect(decided().filter(({ kind }) => kind !== 'refresh')).toEqual([]);
    await clock.advance(MINUTE);
    await tests.tick();
    expect(decided()).toMatchObject([{ kind: 'resolved', value: 0.002 }]);
    await clock.advance(MINUTE);
    await tests.tick();
    expect(await ownGroups()).toEqual([]);
  });

  it('is ended once, by another replica or after a restart, even when Prometheus does not respond then', async () => {
    await replica().start({ mentions: false });
    decided();
    metrics.fail(aSourceError());
    await clock.advance(12 * MINUTE);
    await replica().tick();
    await replica().tick();
    expect(decided().map(({ kind }) => kind)).toEqual(['resolved']);
  });

  it('mentions and goes elsewhere when asked to', async () => {
    const paging = aRule({ ...rule, labels: { severity: 'page' } });
    const tests = replica(route, [aGroup({ rules: [paging] })]);
    await tests.start({ mentions: true, channel: '#test', service: 'Checkout' });
    expect(decided()[0]?.destination).toEqual({ channel: '#test', mentions: ['S0ONCALL1'] });
  });

  it('says what would suppress a real breach, and posts nothing', async () => {
    const matchers = [{ label: 'destination_service_name', operator: '=', value: 'checkout' }] as const;
    const silence = {
      matchers,
      startsAt: START,
      endsAt: START + MINUTE,
      comment: 'deploy',
      createdBy: 'ann',
    };
    expect(await replica({ silences: [silence] as never }).start({ mentions: false })).toMatchObject({
      kind: 'suppressed',
      alert: { suppressed: { kind: 'silence', by: 'ann: deploy' } },
    });
    expect(decided()).toEqual([]);
    // It would be posted when the silence ends.
    expect(await ownGroups()).toEqual([]);
  });

  it('names services that were meant, and works without rules that measure services', async () => {
    expect(await replica().start({ mentions: false, service: 'chekout' })).toEqual({
      kind: 'unknown-service',
      nearest: ['checkout'],
    });
    const [plain, named] = [replica({}, []), replica({}, [])];
    expect(await plain.start({ mentions: false })).toMatchObject({ kind: 'posted', channels: [undefined] });
    expect(await named.start({ mentions: false, service: 'ledger' })).toMatchObject({ service: 'ledger' });
    expect(decided().map(({ labels }) => labels)).toEqual([
      { alertname: 'Tailwatch', tailwatch_test: 'true' },
      { alertname: 'Tailwatch', service: 'ledger', tailwatch_test: 'true' },
    ]);
  });

  it('runs five times at once, and no more', async () => {
    const tests = replica();
    for (let count = 0; count < 5; count++) await tests.start({ mentions: false });
    expect(await tests.start({ mentions: false })).toEqual({ kind: 'too-many' });
    expect(new Set(takeDecided(temp.store).map(({ alertId }) => alertId)).size).toBe(5);
  });

  it('is acknowledged by its button, and is no firing alert', async () => {
    await replica().start({ mentions: false });
    const [{ alertId } = anAlert()] = takeDecided(temp.store).map(({ alert }) => alert);
    const alerts = createManageAlerts({ store: temp.store, logger: createSpyLogger() });
    expect(await alerts.firing()).toEqual([]);
    expect(await alerts.acknowledge({ alertId, by: 'U0ANN', now: clock.now() })).toMatchObject({
      kind: 'done',
    });
  });

  it('is not started while Prometheus does not respond', async () => {
    metrics.fail(aSourceError());
    await expect(replica().start({ mentions: false })).rejects.toMatchObject({ system: 'prometheus' });
    expect(await ownGroups()).toEqual([]);
  });
});
