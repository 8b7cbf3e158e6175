import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DemoWorld, startDemoWorld } from '../../demo/demo-world.ts';
import { SHOP_RULES } from '../../demo/rules.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ms } from '../../src/lib/units.ts';
import { documentedCommands, runnerOf } from '../support/documented-commands.ts';
import { botIn, buildProgram, CLEAN, opsUrl, type Program, startProgram, until } from '../support/program.ts';
import { isFullRun } from '../support/runs.ts';
import { NO_FAULTS } from '../support/stage.ts';

let folder: string;
let world: DemoWorld | undefined;
const programs: Program[] = [];
let home: string;
let entry: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tailwatch-program-'));
  entry = await buildProgram(home);
});
afterAll(() => rm(home, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailwatch-process-'));
});
afterEach(async () => {
  for (const { child, exit } of programs.splice(0)) {
    child.kill('SIGKILL');
    await exit;
  }
  await world?.close();
  world = undefined;
  await rm(folder, { recursive: true, force: true });
});

function run(args: readonly string[], env: Parameters<typeof startProgram>[1], from = entry): Program {
  const program = startProgram(args, env, from);
  programs.push(program);
  return program;
}

test('an unknown command does not start the bot', async () => {
  const { exit, output } = run(['chekc'], CLEAN);
  expect(await exit).toBe(1);
  expect(output()).toContain("unknown command 'chekc'");
});

describe('settings', () => {
  test('all problems are reported together, secrets masked, with exit code 78', async () => {
    const { exit, output } = run([], {
      ...CLEAN,
      SLACK_BOT_TOKEN: 'xoxp-wrong-kind-of-token',
      LOG_LEVEL: 'loud',
    });
    expect(await exit).toBe(78);
    for (const name of [
      'SLACK_BOT_TOKEN',
      'SLACK_APP_TOKEN',
      'SLACK_CHANNEL',
      'PROMETHEUS_URL',
      'JAEGER_URL',
      'LOG_LEVEL',
    ]) {
      expect(output()).toContain(name);
    }
    expect(output()).not.toContain('wrong-kind-of-token');
  });
});

describe('a running bot', () => {
  /** `env`: in place of what the world gives; `sign`: what the log has after the start. */
  async function started({
    env: over = {},
    sign = '"msg":"started"',
    prepare = () => {},
  }: {
    env?: Record<string, string>;
    sign?: string;
    prepare?: (world: DemoWorld) => unknown;
  } = {}) {
    world = await startDemoWorld({
      clock: systemClock,
      commands: SLASH_COMMANDS,
      history: ms(60_000),
      script: NO_FAULTS,
    });
    const rules = join(folder, 'rules.yaml');
    await writeFile(rules, SHOP_RULES);
    prepare(world);
    const env = { ...botIn(world, folder), ...over };
    const program = run([], env);
    await until('the start', () => program.output().includes(sign));
    const metrics = async () => await (await fetch(`${opsUrl(program)}/metrics`)).text();
    return { program, env, rules, metrics };
  }

  test('reloads on SIGHUP, keeps its rules when the file is bad, and ends with 0 on SIGTERM', async () => {
    const { program, rules, metrics } = await started();
    await writeFile(rules, SHOP_RULES.replace('objective:', 'objectiv:'));
    program.child.kill('SIGHUP');
    await until('the refusal', async () => (await metrics()).includes('tailwatch_rule_reload_ok 0'));
    expect(program.output()).toContain('objectiv');

    await writeFile(rules, SHOP_RULES);
    program.child.kill('SIGHUP');
    await until('the reload', async () => (await metrics()).includes('tailwatch_rule_reload_ok 1'));

    program.child.kill('SIGTERM');
    expect(await program.exit).toBe(0);
  });

  test('evaluates, reloads and ends while Slack has not answered yet', async () => {
    const { program, rules } = await started({
      env: { SLACK_API_URL: 'http://127.0.0.1:9/api/' },
      sign: 'loaded ',
    });
    await writeFile(rules, SHOP_RULES.replace('objective:', 'objectiv:'));
    await until('the refusal', () => {
      program.child.kill('SIGHUP');
      return program.output().includes('the current rules remain in use');
    });
    expect(program.output()).not.toContain('"msg":"started"');

    program.child.kill('SIGTERM');
    expect(await program.exit).toBe(0);
  });

  test('starts without Redis and with a refused app token, says both, and goes on when the token is accepted', async () => {
    const { program } = await started({
      env: { REDIS_URL: 'redis://127.0.0.1:9/0' },
      prepare: ({ slack }) =>
        slack.faults.add({
          method: 'apps.connections.open',
          times: Number.POSITIVE_INFINITY,
          do: { kind: 'error', error: 'invalid_auth' },
        }),
    });
    const readiness = async (): Promise<string> => await (await fetch(`${opsUrl(program)}/readyz`)).text();
    await until('the reasons', async () =>
      /slack: Slack rejected the app-level token \(invalid_auth\)[^]*store: Redis is not connected/.test(
        await readiness(),
      ),
    );
    world?.slack.faults.clear();
    await until('Slack', async () => (await readiness()).includes('ok slack'));
    program.child.kill('SIGTERM');
    expect(await program.exit).toBe(0);
  });

  test('exits with 78 when Redis refuses the credentials', async () => {
    const redis = createSocketServer((socket) =>
      socket
        .on('error', () => {})
        .on('data', () => socket.write('-WRONGPASS invalid username-password pair\r\n')),
    ).listen(0, '127.0.0.1');
    await once(redis, 'listening');
    const { port } = redis.address() as AddressInfo;
    const rules = join(folder, 'rules.yaml');
    await writeFile(rules, SHOP_RULES);
    const { exit, output } = run([], {
      ...CLEAN,
      SLACK_BOT_TOKEN: 'xoxb-0000000000',
      SLACK_APP_TOKEN: 'xapp-1-0000000000',
      SLACK_CHANNEL: '#alerts',
      PROMETHEUS_URL: 'http://127.0.0.1:9',
      JAEGER_URL: 'http://127.0.0.1:9',
      RULES_FILE: rules,
      REDIS_URL: `redis://:sw0rdfish@127.0.0.1:${port}/0`,
    });
    expect(await exit).toBe(78);
    expect(output()).toContain('Check the user and the password in REDIS_URL.');
    expect(output()).not.toContain('sw0rdfish');
    redis.close();
  });

  test('a second process on its folder refuses and says who holds it', async () => {
    const { program, env, rules } = await started();
    const second = run([], env);
    expect(await second.exit).toBe(1);
    expect(second.output()).toContain(String(program.child.pid));

    // Beside the bot that holds the folder and the connection to Slack.
    const doctor = run(['doctor'], env);
    expect(await doctor.exit, doctor.output()).toBe(0);
    expect(doctor.output()).toContain(`is in use by process ${program.child.pid} on this host`);
    expect(doctor.output()).toMatch(/, 0 errors\.\n$/);

    const ofBot = { ...CLEAN, OPS_PORT: new URL(opsUrl(program)).port };
    const test = run(['test-notification', '--service', 'checkout'], ofBot);
    expect(await test.exit, test.output()).toBe(0);
    expect(test.output()).toMatch(
      /^A test breach of checkout is posted to .+ It closes by itself at .+ UTC\.\n$/,
    );

    await writeFile(rules, SHOP_RULES.replaceAll('500ms', '750ms'));
    const wrong = run(['doctor', '--format', 'json'], { ...env, JAEGER_URL: 'http://127.0.0.1:9' });
    expect(await wrong.exit).toBe(1);
    const { checks } = JSON.parse(wrong.output()) as {
      checks: { status: string; name: string; message: string }[];
    };
    const errors = checks
      .filter(({ status }) => status === 'error')
      .map(({ name, message }) => `${name}: ${message}`);
    expect(errors).toContainEqual(
      expect.stringMatching(/^rule: .+rules\.yaml:\d+:\d+: .+ is not a bucket bound/),
    );
    expect(errors).toContainEqual(expect.stringMatching(/^jaeger: Jaeger did not respond: 127\.0\.0\.1:9 /));
  });
});

describe('tailwatch check', () => {
  test('prints every error with file, line, column and a caret, and exits with 1', async () => {
    const file = join(folder, 'bad.yaml');
    await writeFile(file, 'groups:\n- name: a\n  rules:\n  - alert: X\n    exprr: up\n    for: 5x\n');
    const { exit, output } = run(['check', file], CLEAN);
    expect(await exit).toBe(1);
    expect(output()).toMatch(/bad\.yaml:5:5: /);
    expect(output()).toMatch(/bad\.yaml:6:10: /);
    expect(output()).toMatch(/\^/);
  });

  test.each([
    ['an address without http://', ['check', 'x.yaml', '--against', 'localhost:9090'], /like http:/],
    ['a folder without rules', ['check', 'FOLDER'], /No \.yaml or \.yml file/],
  ])('%s is refused in a sentence', async (_, args, sentence) => {
    const { exit, output } = run(
      args.map((each) => (each === 'FOLDER' ? folder : each)),
      CLEAN,
    );
    expect(await exit).toBe(1);
    expect(output()).toMatch(sentence);
    expect(output()).not.toContain('    at ');
  });

  test('sends the headers of the settings along, and repeats nothing of them', async () => {
    const tenants: unknown[] = [];
    const server = createServer((request, response) => {
      tenants.push(request.headers['x-scope-orgid']);
      response.writeHead(401).end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const file = join(folder, 'rules.yaml');
    await writeFile(file, SHOP_RULES);
    const against = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { exit, output } = run(['check', file, '--against', against], {
      ...CLEAN,
      PROMETHEUS_HEADERS: 'X-Scope-OrgID: shop-tenant',
    });
    expect(await exit).toBe(2);
    server.close();
    expect(new Set(tenants)).toEqual(new Set(['shop-tenant']));
    expect(output()).not.toContain('shop-tenant');
  });

  test('asks a Prometheus whether the metric is there and the threshold is a bound', async () => {
    world = await startDemoWorld({
      clock: systemClock,
      commands: SLASH_COMMANDS,
      history: ms(60_000),
      script: NO_FAULTS,
    });
    const file = join(folder, 'rules.yaml');
    await writeFile(file, SHOP_RULES.replaceAll('500ms', '750ms'));
    const { exit, output } = run(['check', file, '--against', world.prometheusUrl], CLEAN);
    expect(await exit).toBe(1);
    expect(output()).toMatch(/500.*1/s);

    await writeFile(file, SHOP_RULES);
    const good = run(['check', file, '--against', world.prometheusUrl], CLEAN);
    expect(await good.exit, good.output()).toBe(0);
  });
});

describe('the commands of the documentation', () => {
  const SLOTH = `version: prometheus/v1
service: shop
slos:
- name: latency
  objective: 99
  sli:
    events:
      error_query: sum(rate(http_requests_slow_total[{{.window}}]))
      total_query: sum(rate(http_requests_total[{{.window}}]))
  alerting: { name: ShopSlow }
`;
  const commands = [...new Set(documentedCommands().map(({ command }) => command))].filter(
    (command) => runnerOf(command) === 'program',
  );
  const ROOT = join(import.meta.dirname, '../..');

  test('run as they are written', async () => {
    const [rules, sloth] = [join(folder, 'rules.yaml'), join(folder, 'sloth.yaml')];
    const [, rule = ''] = /```yaml\n([^]*?)```/.exec(await readFile(join(ROOT, 'README.md'), 'utf8')) ?? [];
    await Promise.all([writeFile(rules, rule), writeFile(sloth, SLOTH)]);
    const traces = join(ROOT, 'test/fixtures/jaeger/population.otlp.json');
    const runs = commands.map(async (command) => {
      const file = command.includes('convert') ? sloth : traces;
      const args = command
        .replace(/^(?:npx )?tailwatch(?:@VERSION)? /, '')
        .split(' ')
        .map((word) => (word === 'FILE' ? file : /^(?:FILES|rules\.yaml)$/.test(word) ? rules : word));
      const { exit, output } = run(args, CLEAN);
      return { command, exit: await exit, output: output() };
    });
    const ended = await Promise.all(runs);
    expect(ended.filter(({ exit, output }) => exit !== 0 || output === '')).toEqual([]);
    expect(ended.length).toBeGreaterThan(4);
  });
});

describe('tailwatch demo', () => {
  test.runIf(isFullRun)('a port that is none is refused in a sentence', async () => {
    const { exit, output } = run(['--port', '99999'], CLEAN, 'demo/main.ts');
    expect(await exit).toBe(1);
    expect(output()).toContain('A port is a number');
    expect(output()).not.toContain('    at ');
  });

  test('a taken port is said, with the way to choose another one', async () => {
    world = await startDemoWorld({
      clock: systemClock,
      commands: SLASH_COMMANDS,
      history: ms(60_000),
      script: NO_FAULTS,
    });
    const { port } = new URL(world.pageUrl);
    const { exit, output } = run(['--port', port], CLEAN, 'demo/main.ts');
    expect(await exit).toBe(1);
    expect(output()).toContain(`Port ${port} is in use`);
  });
});

describe('tailwatch replay', () => {
  test('runs two sets of rules over the past, keeps its progress, and goes on from it', async () => {
    world = await startDemoWorld({
      clock: systemClock,
      commands: SLASH_COMMANDS,
      history: ms(10 * 60_000),
      script: NO_FAULTS,
    });
    const rulesWith = (requests: number): string =>
      `groups:\n- name: traffic\n  interval: 15s\n  rules:\n  - alert: Traffic\n    expr: sum(rate(istio_requests_total[1m])) > ${requests}\n`;
    const [rules, other, progress] = ['rules.yaml', 'other.yaml', 'progress.json'].map((name) =>
      join(folder, name),
    );
    await writeFile(rules ?? '', rulesWith(0));
    await writeFile(other ?? '', rulesWith(1_000_000));
    const args = [
      'replay',
      rules ?? '',
      '--against',
      world.prometheusUrl,
      '--from',
      '-5m',
      '--resume',
      progress ?? '',
      '--compare',
      other ?? '',
    ];
    const first = run(args, CLEAN);
    expect(await first.exit, first.output()).toBe(0);
    expect(first.output()).toMatch(/traffic \/ Traffic +1 -> 0 /);

    // The source is gone: what is notified now comes out of the file.
    await world.close();
    world = undefined;
    const second = run([...args, '--json'], CLEAN);
    expect(await second.exit, second.output()).toBe(0);
    expect(second.output()).toContain('"alerts": 1');
  });
});
