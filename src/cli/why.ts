import { findCulprit } from '../culprit/culprit.ts';
import { culpritText } from '../culprit/text.ts';
import { readTraceFile } from './trace-files.ts';

/** Options of `tailwatch why` as they were typed. */
export interface WhyOptions {
  readonly slow: string;
  readonly normal: string;
  readonly json?: boolean;
}

/** Runs `tailwatch why`: compares exported traces and names the culprit. Returns what to print. */
export async function whyCommand({ slow, normal, json = false }: WhyOptions): Promise<string> {
  const result = findCulprit(await readTraceFile(slow), await readTraceFile(normal));
  return json ? JSON.stringify(result, undefined, 2) : culpritText(result).join('\n');
}
