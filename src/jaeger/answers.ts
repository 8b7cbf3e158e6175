import { z } from 'zod';
import { UpstreamError } from '../lib/errors.ts';
import type { Ask } from './api-version.ts';
import { refusalOf } from './refusal.ts';

/** Something to ask a Jaeger, and how to read what it says. */
export interface Question<T> {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly operation: string;
  /** Throws a ZodError when the body is something else. */
  read(body: unknown): T;
  /** What "there is none" (404) is. */
  readonly none?: T;
}

/** Asks, and reads the answer. Throws `UpstreamError` for a refusal and for what cannot be read. */
export async function answerTo<T>(
  ask: Ask,
  question: Question<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { status, body } = await ask(question, signal);
  if (status === 404 && 'none' in question) return question.none as T;
  if (status >= 400) throw refusalOf(status, body);
  try {
    return question.read(body);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw badAnswer(`Jaeger's answer could not be read${whereOf(error)}.`);
  }
}

export function badAnswer(message: string): UpstreamError {
  return new UpstreamError({
    system: 'jaeger',
    code: 'bad-answer',
    message,
    advice: 'Check that the configured address is that of a Jaeger query service.',
  });
}

const whereOf = (error: z.ZodError): string => {
  const path = error.issues[0]?.path.map(String).join('.') ?? '';
  return path === '' ? '' : ` (at ${path.slice(0, 80)})`;
};
