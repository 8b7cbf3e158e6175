import { nextTurn } from '../lib/clock.ts';

/*
 * A response with 50,000 series is 10 MB of JSON, and parsing it at once blocks the event loop for 100 ms. Its series are
 * parsed a thousand at a time:
 *
 *     {"status":"success","data":{"resultType":"vector","result":[ {"metric":{ ... }, {"metric":{ ... } ]}}
 *     |-------------------------- head --------------------------| |----- slices -----|--- last, tail ---|
 */

/** How each series begins. It is in no text of a response: there its quotes are escaped. */
const SERIES = '{"metric":{';

/** Series that are parsed before other work runs: about 2 ms. */
const SLICE = 1_000;

/** Where slices begin, and the number of series. */
function slicesOf(text: string): { readonly starts: readonly number[]; readonly count: number } {
  const starts: number[] = [];
  let count = 0;
  for (let at = text.indexOf(SERIES); at !== -1; at = text.indexOf(SERIES, at + SERIES.length)) {
    if (count % SLICE === 0) starts.push(at);
    count += 1;
  }
  return { starts, count };
}

interface Answer {
  readonly data: { result: unknown };
}

const isAnswer = (body: unknown): body is Answer =>
  typeof (body as { readonly data?: unknown } | null)?.data === 'object' && (body as Answer).data !== null;

/**
 * Parses a response of Prometheus with many series, and lets other work run meanwhile. Undefined when it has few, or is
 * not written as Prometheus writes it: then it is to be parsed at once.
 */
export async function parseLargeAnswer(text: string): Promise<unknown> {
  const { starts, count } = slicesOf(text);
  const [first] = starts;
  const last = starts.at(-1);
  if (count <= SLICE || first === undefined || last === undefined) return undefined;
  try {
    const series: unknown[] = [];
    await nextTurn();
    for (const [index, start] of starts.slice(0, -1).entries()) {
      const slice = text.slice(start, starts[index + 1]).trimEnd();
      if (!slice.endsWith(',')) return undefined;
      series.push(...(JSON.parse(`[${slice.slice(0, -1)}]`) as unknown[]));
      await nextTurn();
    }
    const body = JSON.parse(text.slice(0, first) + text.slice(last)) as unknown;
    const rest = isAnswer(body) ? body.data.result : undefined;
    if (!isAnswer(body) || !Array.isArray(rest) || series.length + rest.length !== count) return undefined;
    body.data.result = [...series, ...(rest as unknown[])];
    return body;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
