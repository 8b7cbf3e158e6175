import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { readExportedTraces, TraceExportError } from '../jaeger/exported-traces.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Trace } from '../traces/trace.ts';

/** A file that cannot be used: what is wrong, where, and what to do. */
export class TraceFileError extends Error {
  override readonly name = 'TraceFileError';
}

const ADVICE =
  'Export traces as JSON from Jaeger (a search\'s "Download Results", or /api/traces/ID), Tempo (/api/traces/ID or /api/v2/traces/ID) or the file exporter of the OpenTelemetry Collector.';

/** Reads exported traces, also compressed by gzip; at least one. Throws `TraceFileError`. */
export async function readTraceFile(path: string): Promise<readonly Trace[]> {
  const text = await textOf(path).catch((error: unknown) => {
    throw new TraceFileError(`${path}: cannot be read (${errorMessage(error)}).`);
  });
  try {
    return readExportedTraces(text);
  } catch (error) {
    if (!(error instanceof TraceExportError)) throw error;
    const { place, message } = error;
    const where = place === undefined ? path : `${path}:${place.line}:${place.column}`;
    throw new TraceFileError(`${where}: ${message}. ${ADVICE}`);
  }
}

async function textOf(path: string): Promise<string> {
  const file = await readFile(path);
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? gunzipSync(file) : file;
  // The redirection of PowerShell writes UTF-16.
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}
