import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { findCulprit } from '../culprit/culprit.ts';
import { culpritText } from '../culprit/text.ts';
import { readLegacyTraces } from '../jaeger/wire-legacy.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Trace } from '../traces/trace.ts';

/** Options of `tailwatch why` as they were typed. */
export interface WhyOptions {
  readonly slow: string;
  readonly normal: string;
  readonly json?: boolean;
}

/** A file that cannot be used: what is wrong and what to do. */
export class TraceFileError extends Error {
  override readonly name = 'TraceFileError';
}

/** Reads traces that Jaeger exported as JSON, also compressed by gzip. */
async function readTraces(path: string): Promise<readonly Trace[]> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new TraceFileError(`${path}: cannot be read (${errorMessage(error)}).`);
  });
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
  const traces = tracesIn(text);
  if (traces === undefined || traces.length === 0)
    throw new TraceFileError(
      `${path}: no Jaeger traces. Export traces from Jaeger's search page ("Download Results") or from /api/traces.`,
    );
  return traces;
}

function tracesIn(text: string): readonly Trace[] | undefined {
  try {
    return readLegacyTraces(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Runs `tailwatch why`: compares exported traces and names the culprit. Returns what to print. */
export async function whyCommand({ slow, normal, json = false }: WhyOptions): Promise<string> {
  const result = findCulprit(await readTraces(slow), await readTraces(normal));
  return json ? JSON.stringify(result, undefined, 2) : culpritText(result).join('\n');
}
