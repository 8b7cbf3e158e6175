import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { DrawReply, DrawRequest } from './render-worker.ts';

/** A thread that draws. */
export interface DrawingThread {
  send(request: DrawRequest): void;
  listen(listeners: ThreadListeners): void;
  end(): Promise<void>;
}

export interface ThreadListeners {
  readonly reply: (reply: DrawReply) => void;
  /** The thread ended unexpectedly. */
  readonly ended: (reason: string) => void;
}

/** Starts the thread. It does not keep the process alive. */
export function startDrawingThread(): DrawingThread {
  // The process's own flags are not for this thread: `--inspect` and `--input-type` would break it.
  const options = { execArgv: [] };
  const worker = new Worker(import.meta.url.endsWith('.ts') ? sourceEntry() : compiledEntry(), options);
  worker.unref();
  return {
    send: (request) => worker.postMessage(request, []),
    listen: ({ reply, ended }) => {
      worker.on('message', reply);
      worker.on('error', (error) => ended(error instanceof Error ? error.message : 'unknown'));
      worker.on('exit', (code) => ended(`exit code ${code}`));
    },
    end: async () => {
      await worker.terminate();
    },
  };
}

const compiledEntry = (): URL => new URL('./render-worker.js', import.meta.url);

/**
 * For a process that runs the sources (development, tests): Node 20 does not read TypeScript, and a loader registered in
 * the main thread does not apply to others, so the thread registers it first.
 */
function sourceEntry(): URL {
  const file = new URL('./render-worker.ts', import.meta.url).href;
  const folder = dirname(createRequire(import.meta.url).resolve('tsx/package.json'));
  const loader = pathToFileURL(join(folder, 'dist/esm/api/index.mjs')).href;
  const code = `import { tsImport } from ${JSON.stringify(loader)}; await tsImport(${JSON.stringify(file)}, ${JSON.stringify(file)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}
