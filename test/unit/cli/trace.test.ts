import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TraceFileError, traceCommand, whyCommand } from '../../../src/cli/trace.ts';

const SLOW = '3ba55609c3cde49649cd77d1f9dcd936';
const FAST = '00000000000000003ba55609c3cde499';

const span = (traceId: string, [spanId, parentSpanId]: readonly [string, string?], over: object) => ({
  traceId,
  spanId,
  parentSpanId,
  kind: 2,
  name: 'POST /checkout',
  ...over,
});
const times = (fromMs: number, toMs: number) => ({
  startTimeUnixNano: `${1_701_779_876_000 + fromMs}000000`,
  endTimeUnixNano: `${1_701_779_876_000 + toMs}000000`,
});
const service = (name: string, ...spans: readonly object[]) => ({
  resource: { attributes: [{ key: 'service.name', value: { stringValue: name } }] },
  scopeSpans: [{ spans }],
});
const A = 'aaaaaaaaaaaaaaaa';
const C = 'cccccccccccccccc';
const B = 'bbbbbbbbbbbbbbbb';
const document = {
  resourceSpans: [
    service(
      'checkout',
      span(SLOW, [A], {
        ...times(0, 400),
        attributes: [{ key: 'http.status_code', value: { intValue: '503' } }],
        status: { code: 2 },
      }),
      span(SLOW, [B, A], { kind: 3, name: 'POST *bold*', ...times(20, 380) }),
      span(FAST, [A], times(0, 30)),
    ),
    service('payments\u001b[2J', span(SLOW, [C, B], { ...times(30, 370), name: 'charge' })),
  ],
};

let folder: string;
const file = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailwatch-trace-'));
  await writeFile(file('traces.json'), JSON.stringify(document));
  await writeFile(file('traces.json.gz'), gzipSync(JSON.stringify(document)));
  await writeFile(file('utf16.json'), `\ufeff${JSON.stringify(document)}`, 'utf16le');
  await writeFile(file('cut.json'), JSON.stringify(document).slice(0, 100));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('tailwatch trace', () => {
  it('explains the slowest trace of a file and names the others', async () => {
    const text = await traceCommand(file('traces.json'), {});
    expect(text).toContain(`Trace ${SLOW}\ncheckout POST /checkout\n400 ms · ⚠ 503`);
    expect(text).toMatch(/340 ms +85% +own code in charge +payments\[2J +340 ms/);
    expect(text).toContain('checkout → payments[2J 20 ms (request 10 ms, response 10 ms)');
    expect(text).toContain(
      `The slowest of 2 traces. Others, by --id:\n${FAST} 30 ms checkout POST /checkout`,
    );
    // oxlint-disable-next-line no-control-regex -- a name must not move the cursor of a terminal
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it.each(['traces.json.gz', 'utf16.json'])('reads %s', async (name) => {
    expect(await traceCommand(file(name), {})).toContain(`Trace ${SLOW}`);
  });

  it.each([FAST, '3BA55609C3CDE499', '3ba55609c3cde499'])('explains the trace --id %s', async (id) => {
    const result = JSON.parse(await traceCommand(file('traces.json'), { id, json: true }));
    expect(result).toMatchObject({ traceCount: 2, traceId: FAST, duration: 30_000 });
  });

  it('prints path, network, errors and notices as JSON', async () => {
    const result = JSON.parse(await traceCommand(file('traces.json'), { json: true }));
    expect(result).toMatchObject({
      traceId: SLOW,
      status: '503',
      path: {
        duration: 400_000,
        rows: [{ kind: 'own', time: 340_000 }, { kind: 'own' }, { kind: 'network' }],
      },
      hops: [{ overhead: 20_000 }],
      errors: [{ service: 'checkout' }],
      notices: [],
    });
    expect(result).not.toHaveProperty('picture');
  });

  it('draws the picture', async () => {
    await traceCommand(file('traces.json'), { picture: file('out.png') });
    expect((await readFile(file('out.png'))).subarray(1, 4).toString()).toBe('PNG');
  });

  it.each([
    ['a missing file', 'nothing.json', {}, /nothing\.json: cannot be read \(ENOENT/],
    [
      'a file that was cut off',
      'cut.json',
      {},
      /cut\.json:1:\d+: invalid JSON: the document ends early\. Export/,
    ],
    ['an unknown id', 'traces.json', { id: 'abc' }, /no trace abc\. Its traces: 3ba55609/],
    ['an ambiguous id', 'traces.json', { id: '3ba55609c3cde49' }, /2 traces begin with 3ba5/],
    [
      'a picture in no folder',
      'traces.json',
      { picture: '/nowhere/x.png' },
      /\/nowhere\/x\.png: cannot be written/,
    ],
  ])('says what is wrong with %s', async (_, name, options, message) => {
    const failed = traceCommand(file(name), options);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toBeInstanceOf(TraceFileError);
  });
});

/** A document with one trace of a checkout that waits for payments. */
const checkout = (id: number, milliseconds: number) => {
  const traceId = id.toString(16).padStart(32, '0');
  return {
    resourceSpans: [
      service(
        'checkout',
        span(traceId, [A], times(0, milliseconds + 20)),
        span(traceId, [B, A], { kind: 3, name: 'charge', ...times(5, milliseconds + 15) }),
      ),
      service('payments', span(traceId, [C, B], { name: 'charge', ...times(6, milliseconds + 14) })),
    ],
  };
};
const documents = (from: number, count: number, milliseconds: number): string =>
  Array.from({ length: count }, (_, i) => JSON.stringify(checkout(from + i, milliseconds))).join('\n');

describe('tailwatch why', () => {
  it('reads the files of a folder and of the folders in it, and a trace that two of them hold once', async () => {
    await mkdir(file('slow/more'), { recursive: true });
    await mkdir(file('normal'));
    await writeFile(file('slow/one.json'), documents(1, 6, 300));
    await writeFile(file('slow/more/two.jsonl.gz'), gzipSync(documents(4, 6, 300)));
    await writeFile(file('slow/notes.txt'), 'incident 17');
    await writeFile(file('normal/all.ndjson'), documents(101, 7, 30));
    const result: unknown = JSON.parse(
      await whyCommand({ slow: file('slow'), normal: file('normal'), json: true }),
    );
    expect(result).toMatchObject({ kind: 'compared', slow: 9, normal: 7, slowdown: 270_000 });
    expect(result).toHaveProperty(['candidates', 0, 'service'], 'payments');
    expect(result).toHaveProperty(['candidates', 0, 'kind'], 'own-code');
  });

  it('names no culprit of traces that are not slower than the normal ones, or too few', async () => {
    await writeFile(file('healthy.json'), documents(1, 7, 31));
    await writeFile(file('usual.json'), documents(101, 7, 30));
    await writeFile(file('few.json'), documents(1, 4, 300));
    const healthy = { slow: file('healthy.json'), normal: file('usual.json') };
    expect(await whyCommand(healthy)).toBe('Not slower than normal.');
    expect(JSON.parse(await whyCommand({ ...healthy, json: true }))).toEqual({
      kind: 'not-slower',
      slow: 7,
      normal: 7,
    });
    const few = { slow: file('few.json'), normal: file('usual.json') };
    expect(await whyCommand(few)).toMatch(/^Not compared: 4 slow and 7 normal traces, at least 5/);
    expect(JSON.parse(await whyCommand({ ...few, json: true }))).toMatchObject({ kind: 'too-few' });
  });

  it('says what a folder without such files should hold', async () => {
    await mkdir(file('empty'));
    const failed = whyCommand({ slow: file('empty'), normal: file('traces.json') });
    await expect(failed).rejects.toThrow(/empty: the folder has no file whose name ends in \.json/);
  });
});
