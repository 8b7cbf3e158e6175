import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { epochMs, type TimeWindow } from '../lib/units.ts';

/** What `--resume FILE` holds: the window as it was worked out at the start, and how far each set of rules has come. */
const stateSchema = z.object({
  version: z.literal(1),
  /** The command as it was given: another one must not go on from here. */
  command: z.string(),
  start: z.number(),
  end: z.number(),
  progress: z.record(z.string(), z.string()),
});

type State = z.infer<typeof stateSchema>;

/** The progress of a replay in a file. */
export interface ReplayState {
  readonly window: TimeWindow;
  /** Whether an earlier run is gone on with. */
  readonly isResumed: boolean;
  readonly saved: (which: string) => string | undefined;
  readonly save: (which: string, progress: string) => Promise<void>;
}

/** The file belongs to another command, or is none of ours. */
export class ResumeError extends Error {
  override readonly name = 'ResumeError';
}

async function read(file: string): Promise<State | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    throw new ResumeError(`${file} is not the progress of a replay: give another file to --resume.`);
  }
}

/**
 * Opens the progress in a file, or begins it. Each saving replaces the file whole, so that an interruption at any moment
 * leaves the one before it.
 * @throws ResumeError when the file is about another command.
 */
export async function openReplayState(
  file: string,
  { command, window }: { readonly command: string; readonly window: TimeWindow },
): Promise<ReplayState> {
  const found = await read(file);
  if (found !== undefined && found.command !== command) {
    throw new ResumeError(
      `${file} holds the progress of another replay: give another file, or remove this one.`,
    );
  }
  const state: State = found ?? { version: 1, command, ...window, progress: {} };
  return {
    window: { start: epochMs(state.start), end: epochMs(state.end) },
    isResumed: found !== undefined,
    saved: (which) => state.progress[which],
    save: async (which, progress) => {
      state.progress[which] = progress;
      const next = `${file}.new`;
      await writeFile(next, JSON.stringify(state));
      await rename(next, file);
    },
  };
}
