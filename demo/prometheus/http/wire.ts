import { type Labels, toRecord } from '../labels.ts';
import type { QueryResult } from '../promql/query.ts';

/**
 * A number as Go's strconv.FormatFloat(v, 'f' or 'e', -1, 64) writes it: the shortest digits that read back as the same number, an
 * exponent below 1e-6 and from 1e21 on (of at least two digits), and `+Inf`, `-Inf`, `NaN`.
 * Source: prometheus/prometheus util/jsonutil.MarshalFloat.
 */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (Object.is(value, -0)) return '-0';
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The same without an exponent, whatever the size: how Prometheus writes scalars (promql/value.go Scalar.MarshalJSON). */
export function formatScalar(value: number): string {
  const text = formatValue(value);
  const [mantissa = '', exponent] = text.split('e');
  if (exponent === undefined) return text;
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d)\.?(\d*)$/.exec(mantissa) ?? [];
  const shift = Number(exponent);
  const digits = whole + fraction;
  return shift < 0 ? `${sign}0.${'0'.repeat(-shift - 1)}${digits}` : sign + digits.padEnd(shift + 1, '0');
}

/** ms since the epoch as seconds, with three decimals or none: `1435781451.781`. Source: jsonutil.MarshalTimestamp. */
export function formatTimestamp(t: number): string {
  const sign = t < 0 ? '-' : '';
  const rounded = Math.abs(Math.round(t));
  const fraction = rounded % 1_000;
  const seconds = Math.floor(rounded / 1_000);
  return sign + seconds + (fraction === 0 ? '' : `.${String(fraction).padStart(3, '0')}`);
}

const labelsJson = (labels: Labels): string => JSON.stringify(toRecord(labels));

const pointJson = (t: number, value: number): string => `[${formatTimestamp(t)},"${formatValue(value)}"]`;

function resultJson(result: QueryResult): string {
  switch (result.type) {
    case 'scalar':
      return `[${result.point.t / 1_000},"${formatScalar(result.point.value)}"]`;
    case 'string':
      return `[${result.t / 1_000},${JSON.stringify(result.text)}]`;
    case 'vector': {
      const samples = result.samples.map(
        ({ labels, value }) => `{"metric":${labelsJson(labels)},"value":${pointJson(result.t, value)}}`,
      );
      return `[${samples.join(',')}]`;
    }
    case 'matrix': {
      const series = result.series.map(({ labels, points }) => {
        const values = points.map(({ t, value }) => pointJson(t, value)).join(',');
        return `{"metric":${labelsJson(labels)},"values":[${values}]}`;
      });
      return `[${series.join(',')}]`;
    }
  }
}

/** The `data` of a query's answer, as JSON text: `{"resultType":"vector","result":[...]}`. */
export const queryDataJson = (result: QueryResult): string =>
  `{"resultType":"${result.type}","result":${resultJson(result)}}`;

/** A successful answer around `data`, which is JSON text already. */
export function successJson(data: string, warnings: readonly string[] = []): string {
  const noted = warnings.length === 0 ? '' : `,"warnings":${JSON.stringify(warnings)}`;
  return `{"status":"success","data":${data}${noted}}`;
}

/** A failed answer. */
export const errorJson = (type: string, message: string): string =>
  JSON.stringify({ status: 'error', errorType: type, error: message });
