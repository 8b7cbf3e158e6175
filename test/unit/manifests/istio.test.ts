import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { parseTraceReference } from '../../../src/commands/trace-reference.ts';
import { manifestFiles, schemaProblems } from '../../support/manifest-schemas.ts';

const FOLDER = join(import.meta.dirname, '../../../manifests/istio');
const files = await manifestFiles('manifests/istio');
const { meshConfig } = parse(readFileSync(join(FOLDER, 'mesh-config.yaml'), 'utf8'));
const resources = [...files].flatMap(([path, documents]) => (path === 'mesh-config.yaml' ? [] : documents));
const telemetry = resources.filter(({ kind }) => kind === 'Telemetry');

interface Tracing {
  readonly randomSamplingPercentage: number;
  readonly customTags: Readonly<Record<string, object>>;
}
const tracingOf = (file: string): readonly Tracing[] =>
  (files.get(file) ?? []).flatMap(({ spec }) => spec.tracing as Tracing[]);

describe('the Istio manifests', () => {
  it('are valid by the schemas of the CRDs', async () => {
    expect(resources.length).toBeGreaterThan(3);
    expect(await schemaProblems(resources)).toEqual([]);
  });

  it('trace everything for a trial, and 1 to 10% in production, per namespace', () => {
    const shares = (file: string) => tracingOf(file).map((tracing) => tracing.randomSamplingPercentage);
    expect([shares('telemetry-trial.yaml'), shares('telemetry-production.yaml')]).toEqual([[100], [1, 10]]);
  });

  it('show every kind of custom tag', () => {
    const [{ customTags } = { customTags: {} }] = tracingOf('telemetry-trial.yaml');
    expect(Object.values<object>(customTags).flatMap((tag) => Object.keys(tag))).toEqual([
      'literal',
      'environment',
      'header',
    ]);
  });

  it('name providers that the mesh has', () => {
    const names = meshConfig.extensionProviders.map(({ name }: { name: string }) => name);
    const used = telemetry.flatMap(({ spec }) =>
      [...spec.tracing, ...(spec.accessLogging ?? [])].flatMap(({ providers }) =>
        providers.map(({ name }: { name: string }) => name),
      ),
    );
    expect(new Set(used)).toEqual(new Set(names));
  });

  it('write access logs of which /trace accepts a line', () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { labels } = meshConfig.extensionProviders[1].envoyFileAccessLog.logFormat;
    const values: Record<string, string> = {
      '%REQ(TRACEPARENT)%': `00-${traceId}-00f067aa0ba902b7-01`,
      '%REQ(X-REQUEST-ID)%': 'e4e8c177-3962-9359-a5a7-9f1b0d2a4f11',
    };
    const line = Object.entries(labels as Record<string, string>).map(([key, operator]) => [
      key,
      values[operator] ?? '-',
    ]);
    expect(parseTraceReference(JSON.stringify(Object.fromEntries(line)))).toMatchObject({ traceId });
  });
});

const INCOMING = {
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  'x-request-id': 'e4e8c177-3962-9359-a5a7-9f1b0d2a4f11',
  'x-b3-sampled': '1',
  authorization: 'Bearer secret',
};
const FORWARDED = { ...INCOMING, authorization: undefined };

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const hasPython = ((): boolean => {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe('the example of header propagation', () => {
  it('in JavaScript copies the trace headers and nothing else', async () => {
    let received: IncomingHttpHeaders = {};
    const upstream = await listening(
      createServer((request, response) => {
        received = request.headers;
        response.end('answer');
      }),
    );
    const { service } = (await import(`${FOLDER}/propagation/propagate.mjs`)) as {
      service: (url: string) => Server;
    };
    const answer = await fetch(await listening(service(upstream)), { headers: INCOMING });
    expect(await answer.text()).toBe('answer');
    const names = Object.keys(INCOMING);
    expect(Object.fromEntries(names.map((name) => [name, received[name]]))).toEqual(FORWARDED);
  });

  it.skipIf(!hasPython)(
    'in Python copies the trace headers and nothing else (skipped without python3)',
    () => {
      const script = `import json, sys; sys.path.insert(0, sys.argv[1]); from propagate import trace_headers
print(json.dumps(trace_headers(json.loads(sys.argv[2]))))`;
      const output = execFileSync(
        'python3',
        ['-B', '-c', script, join(FOLDER, 'propagation'), JSON.stringify(INCOMING)],
        { encoding: 'utf8' },
      );
      const { authorization: _secret, ...expected } = INCOMING;
      expect(JSON.parse(output)).toEqual(expected);
    },
  );
});
