import type { Chance } from './promql-samples.ts';

/** A text as people paste it, and the commands that its ids stand for. */
export interface PastedText {
  readonly text: string;
  /** `trace <32 hex digits>`, or `request <id>` where the text has no trace id, in the order of the text. */
  readonly ids: readonly string[];
}

/** An id as one of the formats writes it. */
interface WrittenId {
  readonly text: string;
  readonly id: string;
}

const hex = (chance: Chance, length: number): string =>
  Array.from({ length }, (_, i) =>
    '0123456789abcdef'.charAt(i === 0 ? 1 + chance.below(15) : chance.below(16)),
  ).join('');

const trace = (id: string): string => `trace ${id.padStart(32, '0')}`;

/** A header, field or part of a line with a trace id. */
const TRACES: readonly ((chance: Chance) => WrittenId)[] = [
  (chance) => {
    const id = hex(chance, 32);
    return { id: trace(id), text: `${chance.pick(['traceparent: ', ''])}00-${id}-${hex(chance, 16)}-01` };
  },
  (chance) => {
    const id = hex(chance, chance.pick([16, 32]));
    return { id: trace(id), text: `b3: ${id}-${hex(chance, 16)}-1` };
  },
  (chance) => {
    const id = hex(chance, chance.pick([16, 32]));
    const separator = chance.pick([':', '%3A', '%3a']);
    return { id: trace(id), text: `uber-trace-id: ${[id, hex(chance, 16), '0', '1'].join(separator)}` };
  },
  (chance) => {
    const id = hex(chance, 32);
    const root = `1-${id.slice(0, 8)}-${id.slice(8)}`;
    return { id: trace(id), text: chance.pick([root, `X-Amzn-Trace-Id: Root=${root};Sampled=1`]) };
  },
  (chance) => {
    const id = hex(chance, chance.pick([16, 32]));
    return {
      id: trace(id),
      text: `[${chance.pick(['bar', 'my-cart', 'a'])},${id},${hex(chance, 16)}${chance.pick([',true', ''])}]`,
    };
  },
  (chance) => {
    const id = hex(chance, chance.pick([16, 32]));
    const name = chance.pick(['trace_id', 'traceId', 'trace.id', 'X-B3-TraceId', 'otel.trace-id']);
    return {
      id: trace(id),
      text: chance.pick([`${name}=${id}`, `${name}: ${id}`, `"${name}":"${id}"`, `{"${name}": "${id}"}`]),
    };
  },
];

/** Datadog's decimal id, which counts where no other trace id stands beside it. */
function datadog(chance: Chance): WrittenId {
  const [upper, lower] = [hex(chance, 16), hex(chance, 16)];
  const decimal = String(BigInt(`0x${lower}`));
  return chance.with(0.5)
    ? { id: trace(lower), text: `dd.trace_id=${decimal} dd.span_id=${decimal}` }
    : { id: trace(upper + lower), text: `dd.trace_id=${decimal} _dd.p.tid=${upper}` };
}

function uuid(chance: Chance): string {
  const id = hex(chance, 32);
  return [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-');
}

/** A request id, which counts where no trace id stands beside it; one with its name before one without. */
const requestId =
  (name: string) =>
  (chance: Chance): WrittenId => {
    const id = uuid(chance);
    const dashed = id.replaceAll('-', chance.pick(['-', '\u2013', '\u2011', '\u2212']));
    return { id: `request ${id}`, text: name === '' ? `"${dashed}"` : name + dashed };
  };

/** What stands around ids in lines of logs, without an id in any format. */
const AROUND: readonly string[] = [
  '2020-11-28 12:52:00.00372',
  '2020-11-28T12:52:00.003Z',
  '[28/Nov/2020:12:52:00 +0000]',
  '1606567920',
  'INFO',
  'WARN',
  '[nio-8080-exec-1]',
  '10.0.0.1:54321',
  '"GET /cart/17 HTTP/1.1" 200',
  'c.e.CartController',
  'slow cart',
  'took=1.2s',
  'status=503',
  '{"level":"warn","took":1.2}',
  'span_id=00f067aa0ba902b7',
  '---',
  'a=b',
];

/** A line of a log, some headers or a sentence, with no, one or several ids. The same chance gives the same text. */
export function pastedText(chance: Chance): PastedText {
  const around = (): string[] => Array.from({ length: chance.below(4) }, () => chance.pick(AROUND));
  const written = (count: number, write: (chance: Chance) => WrittenId): WrittenId[] =>
    Array.from({ length: count }, () => write(chance));
  const traces = written(chance.pick([0, 1, 1, 1, 2, 3]), (each) => each.pick(TRACES)(each));
  const others = chance.with(0.3) ? written(1, datadog) : [];
  const named = chance.pick(['x-request-id: ', 'request_id=', '']);
  const requests = written(chance.pick([0, 0, 1, 1, 2]), requestId(named));
  const parts = [...traces, ...others, ...requests].flatMap(({ text }) => [...around(), text]);
  const ids = [traces, others, requests].find(({ length }) => length > 0) ?? [];
  return {
    text: [...parts, ...around()].join(chance.pick([' ', ' ', '\n'])).slice(0, 2_900),
    ids: ids.map(({ id }) => id),
  };
}
