import { describe, expect, it, test } from 'vitest';
import { createAlertmanagerAlerts, listOfCluster } from '../../../src/alertmanager/alertmanager-alerts.ts';
import { after, HOUR, SECOND } from '../../../src/lib/units.ts';
import { START } from '../../support/virtual-clock.ts';

const labels = { alertname: 'Slow', service: 'cart' };
const SILENCES = [
  {
    id: 'a',
    createdBy: 'ann',
    comment: 'deploy',
    startsAt: new Date(START).toISOString(),
    endsAt: new Date(START + HOUR).toISOString(),
  },
  {
    id: 'b',
    createdBy: 'bob',
    comment: '',
    startsAt: new Date(START).toISOString(),
    endsAt: new Date(START + 2 * HOUR).toISOString(),
  },
];

function listOf(alerts: unknown, { status = 200 } = {}) {
  const paths: string[] = [];
  const list = createAlertmanagerAlerts({
    http: {
      json: async ({ path }) => {
        paths.push(path);
        return { status, contentType: 'application/json', body: path.endsWith('alerts') ? alerts : SILENCES };
      },
    },
    deadline: SECOND,
    now: () => START,
  });
  return { list, paths };
}

const withStatus = (status: object) => [
  { labels, status: { state: 'suppressed', silencedBy: [], inhibitedBy: [], ...status } },
];

test.each([
  ['active', {}, undefined],
  [
    'silenced',
    { silencedBy: ['a'] },
    { kind: 'silence', by: 'Alertmanager (ann): deploy', since: START, until: after(START, HOUR) },
  ],
  ['silenced twice', { silencedBy: ['a', 'b'] }, { kind: 'silence', by: 'Alertmanager (bob)', since: START }],
  ['silenced by one that is gone', { silencedBy: ['c'] }, { kind: 'silence', by: 'Alertmanager' }],
  ['inhibited', { inhibitedBy: ['f00'] }, { kind: 'inhibited', by: 'an alert in Alertmanager' }],
  ['muted', { mutedBy: ['nights'] }, { kind: 'time', by: 'Alertmanager' }],
])('an alert that is %s', async (_, status, suppressed) => {
  const [alert] = await listOf(withStatus(status)).list();
  expect(alert?.labels).toEqual(labels);
  if (suppressed === undefined) expect(alert?.suppressed).toBeUndefined();
  else expect(alert?.suppressed).toMatchObject(suppressed);
});

test('silences are read only when an alert is silenced', async () => {
  const { list, paths } = listOf(withStatus({}));
  await list();
  expect(paths).toEqual(['/api/v2/alerts']);
});

test.each([
  ['an error', 500, []],
  ['another API', 200, { status: 'success', data: [] }],
  ['alerts without a status', 200, [{ labels }]],
])('%s is an error with what to do', async (_, status, body) => {
  await expect(listOf(body, { status }).list()).rejects.toMatchObject({
    system: 'alertmanager',
    advice: expect.stringContaining('ALERTMANAGER_URL'),
  });
});

describe('a cluster of Alertmanagers', () => {
  const silenced = listOf(withStatus({ silencedBy: ['a'] })).list;
  const active = listOf(withStatus({})).list;
  const other = listOf([{ labels: { alertname: 'Other' }, status: {} }]).list;
  const down = listOf([], { status: 503 }).list;

  it('has the alerts of all, suppressed where one of them suppresses it', async () => {
    for (const members of [
      [active, silenced, other],
      [other, silenced, active],
    ]) {
      const listed = await listOfCluster(members)();
      expect(
        Object.fromEntries(listed.map((alert) => [alert.labels['alertname'], alert.suppressed?.kind])),
      ).toEqual({ Other: undefined, Slow: 'silence' });
      expect(listed).toHaveLength(2);
    }
  });

  it('is read as long as one of them responds', async () => {
    expect(await listOfCluster([down, silenced])()).toMatchObject([{ suppressed: { kind: 'silence' } }]);
    await expect(listOfCluster([down, down])()).rejects.toMatchObject({ system: 'alertmanager' });
  });
});
