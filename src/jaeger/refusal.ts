import { z } from 'zod';
import { UpstreamError } from '../lib/errors.ts';

const refusalSchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z
    .object({ errors: z.array(z.object({ msg: z.string() })).min(1) })
    .transform(({ errors }) => errors[0]?.msg ?? ''),
]);

/** Storage errors can be long and hold whole queries. */
const MAX_TEXT = 200;

/** Jaeger's own error, in either API version. 500 carries the storage's text, which is what an operator needs. */
export function refusalOf(status: number, body: unknown): UpstreamError {
  const parsed = refusalSchema.safeParse(body);
  const said = parsed.success ? parsed.data.replace(/\s+/g, ' ').trim().slice(0, MAX_TEXT) : '';
  const isWrong = status < 500 && status !== 429;
  return new UpstreamError({
    system: 'jaeger',
    code: isWrong ? 'bad-request' : 'unavailable',
    message: `Jaeger answered ${status}${said === '' ? '' : `: ${said}`}.`,
    advice: isWrong
      ? 'Check the question, or report it: the bot asked wrongly.'
      : "Try again in a moment, or look at Jaeger's log.",
  });
}
