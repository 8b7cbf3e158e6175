import { type Answer, unknownService } from './answer.ts';
import type { CommandDeps } from './command.ts';

/**
 * The full name of the service that a command names, or the answer that offers others. `retry` is the complete command for
 * the service `SERVICE`.
 * @throws UpstreamError when Jaeger does not respond.
 */
export async function findService(
  { resolveService }: CommandDeps,
  { name, retry }: { readonly name: string; readonly retry: string },
  signal: AbortSignal,
): Promise<{ readonly service: string } | { readonly answer: Answer }> {
  const resolved = await resolveService(name, signal);
  return resolved.kind === 'found'
    ? { service: resolved.service }
    : { answer: unknownService(name, resolved, retry) };
}
