import { describe, expect, it } from 'vitest';
import { type CheckRequest, runCheck } from '../../../src/cli/check.ts';
import { epochMs } from '../../../src/lib/units.ts';
import type { RuleFinding, RuleUse } from '../../../src/rules/rule-use.ts';

const files: Readonly<Record<string, string>> = {
  'good.yaml':
    'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a > 1\n    for: 1m\n  - alert: B\n    expr: b > 1\n    for: 1m\n',
  'slo.yaml':
    'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.99, below: 750ms, window: 5m }\n  alert: { burn: workbook, recover: { below: 300ms } }\n',
  'hasty.yaml': 'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a > 1\n',
  'recording.yaml': 'groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: a\n',
  'empty.yaml': '',
  'comment.yaml': '# nothing yet\n---\n',
  'no-rules.yaml': 'groups:\n- name: g\n  rules: []\n',
  'routes.yaml': 'route: { channel: "#a" }\n',
  'described.yaml':
    'severities:\n  page: { channel: "#shop", mentions: [S0123ABCD] }\nslos:\n- name: s\n  preset: istio\n  labels: { severity: page }\n  alert: { for: 1m }\n  no_data: 24h\n  objective: { quantile: 0.99, below: 500ms, window: 5m }\n---\ngroups:\n- name: g\n  rules:\n  - { alert: A, expr: a > 1, for: 1m }\n  - { alert: B, expr: absent(b), for: 1m }\n',
  'bad.yaml': 'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: rate(x[5x]) > 1\n    fro: 1m\n',
};

const NO_BOUND: RuleFinding = { code: 'threshold-off-bounds', message: 'no bound.' };

const readFile = async (path: string): Promise<string> => {
  const text = files[path];
  if (text === undefined) throw new Error('no such file');
  return text;
};

const NOW = epochMs(Date.UTC(2026, 10, 21));
const check = (request: Omit<CheckRequest, 'now'>) => runCheck({ ...request, now: NOW });

describe('the report of a check', () => {
  it('is one line when there are no problems', async () => {
    expect(await check({ files: ['good.yaml'], readFile })).toEqual({
      text: '1 file, 1 group, 2 rules: no problems found.',
      exitCode: 0,
    });
  });

  it('shows every error with its line and a caret', async () => {
    expect(await check({ files: ['good.yaml', 'bad.yaml'], readFile })).toEqual({
      text: [
        'bad.yaml:5:18: invalid `expr`: "5x" is not a duration: write one like 30s, 5m or 1h30m.',
        '        expr: rate(x[5x]) > 1',
        '                     ^',
        'bad.yaml:6:5: unknown key `fro`: did you mean `for`?',
        '        fro: 1m',
        '        ^',
        '2 files, 1 group, 2 rules: 2 errors.',
      ].join('\n'),
      exitCode: 1,
    });
  });

  it('notes do not fail the check', async () => {
    expect(await check({ files: ['recording.yaml'], readFile })).toEqual({
      text: [
        'recording.yaml:4:13: note: the recording rule `a:b` is left to Prometheus. [recording-rule]',
        '      - record: a:b',
        '                ^',
        '1 file, 1 group, 0 rules: no problems found.',
      ].join('\n'),
      exitCode: 0,
    });
  });

  it('counts warnings, which fail a strict check only', async () => {
    const lenient = await check({ files: ['hasty.yaml'], readFile });
    expect(lenient).toEqual({
      text: [
        'hasty.yaml:4:12: warning: `A` has no `for`: a single evaluation fires it. Add `for: 0s` if that is intended. [missing-for]',
        '      - alert: A',
        '               ^',
        '1 file, 1 group, 1 rule: 1 warning.',
      ].join('\n'),
      exitCode: 0,
    });
    expect(await check({ files: ['hasty.yaml'], readFile, isStrict: true })).toEqual({
      ...lenient,
      exitCode: 1,
    });
    expect(await check({ files: ['recording.yaml'], readFile, isStrict: true })).toMatchObject({
      exitCode: 0,
    });
  });

  it('names a file that cannot be read', async () => {
    const { text, exitCode } = await check({ files: ['none.yaml'], readFile });
    expect(text).toBe(
      'none.yaml:1:1: cannot read this file: no such file\n1 file, 0 groups, 0 rules: 1 error.',
    );
    expect(exitCode).toBe(1);
  });

  it('checks each rule against Prometheus, and shows findings at the place of the rule', async () => {
    const asked: RuleUse[] = [];
    const against = async (uses: readonly RuleUse[]) => {
      asked.push(...uses);
      return uses.map(({ name }) => (name === 's' ? [NO_BOUND] : []));
    };
    const report = await check({ files: ['good.yaml', 'slo.yaml'], readFile, against });
    expect(report.text).toMatch(
      /^slo\.yaml:4:39: `s`: no bound\. \[threshold-off-bounds\]\n {6}objective: .*\n/,
    );
    expect(report.text).toMatch(/1 error\.$/);
    expect(report.exitCode).toBe(1);
    expect(asked.map(({ name, kind, metrics, thresholds }) => ({ name, kind, metrics, thresholds }))).toEqual(
      [
        { name: 'A', kind: 'alerting', metrics: ['a'], thresholds: [] },
        { name: 'B', kind: 'alerting', metrics: ['b'], thresholds: [] },
        {
          name: 's',
          kind: 'alerting',
          metrics: [
            'istio_request_duration_milliseconds_bucket',
            'istio_request_duration_milliseconds_count',
          ],
          thresholds: [
            { threshold: 750, key: 'objective.below' },
            { threshold: 300, key: 'alert.recover.below' },
          ],
        },
        // Of burn rates only the expression and its cost are checked.
        ...['s-burn-1h', 's-burn-6h', 's-burn-3d'].map((name) => ({
          name,
          kind: 'alerting',
          metrics: [],
          thresholds: [],
        })),
      ],
    );
  });

  it('checks the files without errors against Prometheus when others have some', async () => {
    const asked: string[] = [];
    const against = async (uses: readonly RuleUse[]) => {
      asked.push(...uses.map(({ name }) => name));
      return uses.map(() => []);
    };
    await check({ files: ['bad.yaml', 'recording.yaml'], readFile, against });
    expect(asked).toEqual(['a:b']);
  });

  it('reports that Prometheus does not answer', async () => {
    const against = async () => {
      throw new Error('connection refused');
    };
    expect(await check({ files: ['good.yaml'], readFile, against })).toEqual({
      text: '1 file, 1 group, 2 rules: checking against Prometheus failed: connection refused.',
      exitCode: 2,
    });
    expect((await check({ files: ['bad.yaml'], readFile, against })).exitCode).toBe(1);
  });

  it.each(['empty.yaml', 'comment.yaml', 'no-rules.yaml'])(
    'a file without rules is an error: %s',
    async (file) => {
      const { text, exitCode } = await check({ files: [file], readFile });
      expect(text).toMatch(/^\S+:1:1: no rules in this file: .* \[empty-file\]/);
      expect(exitCode).toBe(1);
      expect(await check({ files: [file], readFile, allowsEmpty: true })).toMatchObject({ exitCode: 0 });
    },
  );

  it('a file with settings and no rules is none', async () => {
    expect(await check({ files: ['routes.yaml'], readFile })).toMatchObject({ exitCode: 0 });
  });

  it('has annotations for GitHub, with line breaks and separators escaped', async () => {
    const { text } = await check({
      files: ['bad.yaml', 'hasty.yaml', 'recording.yaml'],
      readFile,
      format: 'github',
    });
    expect(text.split('\n')).toEqual([
      '::error file=bad.yaml,line=5,col=18::invalid `expr`: "5x" is not a duration: write one like 30s, 5m or 1h30m.',
      '::error file=bad.yaml,line=6,col=5::unknown key `fro`: did you mean `for`?',
      expect.stringMatching(
        /^::warning file=hasty\.yaml,line=4,col=12,title=missing-for::`A` has no `for`: /,
      ),
      expect.stringMatching(/^::notice file=recording\.yaml,line=4,col=13,title=recording-rule::/),
      expect.stringMatching(/^3 files, .*: 2 errors, 1 warning\.$/),
    ]);
    const odd = await check({ files: ['a,b:c%.yaml'], readFile, format: 'github' });
    expect(odd.text).toMatch(/^::error file=a%2Cb%3Ac%25\.yaml,line=1,col=1::cannot read/);
  });

  it('has JSON with the findings, and for each alerting rule what was read out of it', async () => {
    const files = ['described.yaml', 'recording.yaml'];
    const { text, exitCode } = await check({ files, readFile, format: 'json' });
    const report = JSON.parse(text) as Record<string, unknown>;
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({
      counts: { files: 2, groups: 3, rules: 3 },
      findings: expect.arrayContaining([
        expect.objectContaining({ file: 'recording.yaml', severity: 'note', code: 'recording-rule' }),
      ]),
      rules: [
        {
          file: 'described.yaml',
          line: 9,
          group: 's',
          name: 's',
          recovery: { kind: 'value', alertsWhen: '> 0.01', noData: '1d' },
          service: { from: 'label', label: 'destination_service_name' },
          unit: 'ratio',
          objective: {
            metric: 'istio_request_duration_milliseconds',
            quantile: 0.99,
            below: '500ms',
            window: '5m',
          },
          destinations: [{ channel: '#shop', mentions: ['S0123ABCD'] }],
        },
        {
          name: 'A',
          recovery: { kind: 'value', expr: 'a', alertsWhen: '> 1', noData: '15m' },
          destinations: [{ channel: null, mentions: [] }],
        },
        { name: 'B', unit: null, recovery: { kind: 'not-returned' } },
      ],
    });
  });
});
