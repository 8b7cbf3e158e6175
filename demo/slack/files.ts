import { after, type EpochMs, type Milliseconds } from '../../src/lib/units.ts';
import { SlackApiError } from './api-error.ts';
import type { Ids } from './ids.ts';

/** A file on its way into the workspace, or in it. */
export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly altText: string;
  readonly length: number;
  readonly content: Buffer;
  readonly isComplete: boolean;
  /** Slack works on an upload after it was completed; until then an image block cannot show it. */
  readonly readyAt: EpochMs;
  /** The conversations it was shared into. Nobody but the app has a file that was not shared. */
  readonly sharedIn: ReadonlySet<string>;
}

/** Whether Slack shows a file as a picture. */
export const isPicture = ({ name }: Pick<StoredFile, 'name'>): boolean => /\.(?:png|jpe?g|gif)$/i.test(name);

/** The external upload: ask for an address, send the bytes there, complete. */
export interface Files {
  readonly begin: (file: { name: string; length: number; altText: string }) => { id: string; ticket: string };
  /** Takes the bytes for a ticket; false for a ticket never given. */
  readonly receive: (ticket: string, content: Buffer) => boolean;
  readonly complete: (id: string, title: string | undefined) => StoredFile;
  readonly find: (id: string) => StoredFile | undefined;
  /** Whether the reference names a picture that an image block may show: png, jpg, jpeg or gif, uploaded and processed. */
  readonly hasImage: (reference: { id?: unknown; url?: unknown }) => boolean;
  /** The file that a `slack_file` names. */
  readonly named: (reference: { id?: unknown; url?: unknown }) => StoredFile | undefined;
  /** From now on whoever is in the conversation has the file. */
  readonly share: (id: string, channelId: string) => void;
}

export interface FilesOptions {
  readonly clock: { now(): EpochMs };
  readonly ids: Ids;
  /** How long Slack works on a file before it can be shown. */
  readonly processing: Milliseconds;
}

export function createFiles({ clock, ids, processing }: FilesOptions): Files {
  const files = new Map<string, StoredFile>();
  const tickets = new Map<string, string>();
  const begin: Files['begin'] = (file) => {
    const id = ids.next('F');
    const ticket = ids.hex(32);
    tickets.set(ticket, id);
    const empty = { content: Buffer.alloc(0), isComplete: false, readyAt: clock.now() };
    const sharedIn: ReadonlySet<string> = new Set();
    files.set(id, { id, title: file.name, ...file, ...empty, sharedIn });
    return { id, ticket };
  };
  const receive: Files['receive'] = (ticket, content) => {
    const file = files.get(tickets.get(ticket) ?? '');
    if (file === undefined) return false;
    files.set(file.id, { ...file, content });
    return true;
  };
  const complete: Files['complete'] = (id, title) => {
    const file = files.get(id);
    if (file === undefined || file.content.length === 0) throw new SlackApiError('file_not_found');
    if (file.content.length !== file.length) throw new SlackApiError('file_update_failed');
    const done = {
      ...file,
      title: title ?? file.name,
      isComplete: true,
      readyAt: after(clock.now(), processing),
    };
    files.set(id, done);
    return done;
  };
  const named: Files['named'] = ({ id, url }) =>
    files.get(
      typeof id === 'string'
        ? id
        : ((typeof url === 'string' ? /\/(F[A-Z0-9]{10})(?:\/|$)/.exec(url)?.[1] : undefined) ?? ''),
    );
  const share: Files['share'] = (id, channelId) => {
    const file = files.get(id);
    if (file !== undefined) files.set(id, { ...file, sharedIn: new Set([...file.sharedIn, channelId]) });
  };
  const hasImage: Files['hasImage'] = (reference) => {
    const file = named(reference);
    if (file === undefined || !file.isComplete) return false;
    return clock.now() >= file.readyAt && isPicture(file);
  };
  return { begin, receive, complete, find: (id) => files.get(id), hasImage, named, share };
}
