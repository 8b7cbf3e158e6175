import { type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { type CallOutcome, type Calls, reasonOf } from './calls.ts';
import type { CallFailure } from './outcome.ts';

/** A file for Slack. `altText` is read to those who cannot see it: at most 1,000 characters. */
export interface Upload {
  readonly name: string;
  readonly title: string;
  readonly altText: string;
  readonly content: Uint8Array;
}

export type UploadOutcome =
  | { readonly kind: 'uploaded'; readonly fileId: string }
  /** `reason` completes the sentence "No picture: ...". */
  | { readonly kind: 'failed'; readonly reason: string };

const TIMEOUT: Milliseconds = ms(10 * SECOND);

/**
 * Uploads a file without showing it anywhere: until a message holds it, the bot alone can see it. Three steps, as Slack asks.
 * The SDK's `uploadV2` is not used: it sends `alt_text`, which Slack ignores, for `alt_txt`.
 */
export async function uploadFile(
  calls: Calls,
  { name, title, altText, content }: Upload,
): Promise<UploadOutcome> {
  const begun = await calls.call('files.getUploadURLExternal', {
    filename: name,
    length: content.length,
    alt_txt: altText,
  });
  if (begun.kind !== 'done') return refused(begun);
  const { upload_url: url, file_id: fileId } = begun.data;
  if (typeof url !== 'string' || typeof fileId !== 'string')
    return { kind: 'failed', reason: 'Slack gave no address to send it to' };
  if (!(await send(url, content))) return { kind: 'failed', reason: 'Slack did not take the file' };
  const completed: CallOutcome = await calls.call('files.completeUploadExternal', {
    files: [{ id: fileId, title }],
  });
  return completed.kind === 'done' ? { kind: 'uploaded', fileId } : refused(completed);
}

/** The address is a secret of its own: it is neither logged nor shown. */
async function send(url: string, content: Uint8Array): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: Buffer.from(content),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT),
    });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

function refused(failure: CallFailure): UploadOutcome {
  return { kind: 'failed', reason: reasonText(failure) };
}

function reasonText(failure: CallFailure): string {
  if (failure.kind === 'not-sent' && failure.limited)
    return `Slack takes no more files at the moment (try again in ${Math.max(1, Math.ceil(failure.retryAfter / SECOND))} s)`;
  const code = reasonOf(failure);
  if (code === 'missing_scope' || code === 'not_allowed_token_type')
    return 'the bot may not upload files: its Slack app lacks the scope files:write';
  return failure.kind === 'unknown' || failure.kind === 'not-sent'
    ? 'Slack did not answer the upload'
    : `Slack refused the file (${code})`;
}
