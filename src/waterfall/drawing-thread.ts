import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { DrawReply, DrawRequest } from './render-worker.ts';

/** A thread that draws. */
export interface DrawingThread {
  ask(request: DrawRequest): void;
  /** Hears what the thread says, and that it ended by itself. */
  listen(listeners: ThreadListeners): void;
  end(): Promise<void>;
}

export interface ThreadListeners {
  readonly reply: (reply: DrawReply) => void;
  readonly ended: (reason: string) => void;
}

/** A thread that is started when it is first needed, and again when it was lost. */
export interface KeptThread {
  /** Starts the thread when there is none; false, and nothing asked, until it said that it is ready. */
  ask(request: DrawRequest): boolean;
  /** Ends the thread without a word to the listeners. */
  end(): Promise<void>;
}

export function keepThread(startThread: () => DrawingThread, listeners: ThreadListeners): KeptThread {
  let kept: { readonly thread: DrawingThread; isReady: boolean } | undefined;

  function begin(): NonNullable<typeof kept> {
    const started = { thread: startThread(), isReady: false };
    started.thread.listen({
      reply: (reply) => {
        if (kept !== started) return;
        if (reply.kind === 'ready') started.isReady = true;
        listeners.reply(reply);
      },
      ended: (reason) => {
        if (kept !== started) return;
        kept = undefined;
        listeners.ended(reason);
      },
    });
    return started;
  }

  return {
    ask(request) {
      kept ??= begin();
      if (kept.isReady) kept.thread.ask(request);
      return kept.isReady;
    },
    async end() {
      const left = kept?.thread;
      kept = undefined;
      await left?.end();
    },
  };
}

/** Starts the thread. It does not keep the program from ending. */
export function startDrawingThread(): DrawingThread {
  // What the program was started with is not for this thread: `--inspect` and `--input-type` would break it.
  const options = { execArgv: [] };
  const worker = new Worker(import.meta.url.endsWith('.ts') ? sourceEntry() : compiledEntry(), options);
  worker.unref();
  return {
    ask: (request) => {
      worker.postMessage(request, []);
    },
    listen: ({ reply, ended }) => {
      worker.on('message', reply);
      worker.on('error', (error) => {
        ended(error instanceof Error ? error.message : 'unknown');
      });
      worker.on('exit', (code) => {
        ended(`exit code ${code}`);
      });
    },
    end: async () => {
      await worker.terminate();
    },
  };
}

const compiledEntry = (): URL => new URL('./render-worker.js', import.meta.url);

/**
 * The program run from its sources (development, tests): Node 20 reads no TypeScript, and a loader that was registered for the
 * main thread does not reach into another, so the thread begins with registering it.
 */
function sourceEntry(): URL {
  const file = new URL('./render-worker.ts', import.meta.url).href;
  const folder = dirname(createRequire(import.meta.url).resolve('tsx/package.json'));
  const loader = pathToFileURL(join(folder, 'dist/esm/api/index.mjs')).href;
  const code = `import { tsImport } from ${JSON.stringify(loader)}; await tsImport(${JSON.stringify(file)}, ${JSON.stringify(file)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}
