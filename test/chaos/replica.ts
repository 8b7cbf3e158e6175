import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLEAN } from '../support/program.ts';
import { type Relay, startRelay } from '../support/relay.ts';

/** A process of the bot, started again as often as it ends. */
export interface Replica {
  readonly name: string;
  /** Its line to Slack. */
  readonly slack: Relay;
  /** Whether it evaluates: it has read its rules and stands neither still nor aside. */
  isWorking(): boolean;
  isRunning(): boolean;
  /** Starts it; a clock that is `shiftMs` ahead may be given. Does nothing when it runs. */
  start(shiftMs?: number): void;
  /** Sets its clock so far ahead while it runs. */
  setClock(shiftMs: number): void;
  /** Has it end as by a crash after so many of its next writes to the store; undefined: not any more. */
  killAfterWrites(count: number | undefined): void;
  /** Has it stand still before so many of its next writes, until it is thawed; undefined: not any more. */
  freezeBeforeWrite(count: number | undefined): void;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Ends it as a deployment does; kills it when it does not end. */
  stop(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** What it logged since its last start, its latest lines. */
  tail(): string;
  close(): Promise<void>;
}

export interface ReplicaOptions {
  readonly name: string;
  /** Its environment, but for the address of Slack. */
  readonly environment: Readonly<Record<string, string>>;
  readonly slackApiUrl: string;
  /** The file that the program starts with. */
  readonly entry: string;
  /** The file that says how the process is interfered with. */
  readonly control: string;
  /** A file that takes all it logs. */
  readonly log?: string;
  /** Called when it ends and nobody had it end. */
  readonly onDeath: (replica: Replica, code: number | null) => void;
}

const KEPT_OUTPUT = 20_000;
/** The program's own limit for a stop is shorter. */
const STOP_LIMIT = 20_000;

interface Life {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  output: string;
  isReady: boolean;
  isFrozen: boolean;
  isMeant: boolean;
  /** It ends itself when it comes to it. */
  isExpendable: boolean;
}

function begin(options: ReplicaOptions, environment: Readonly<Record<string, string>>): Life {
  const repository = join(import.meta.dirname, '../..');
  const interfere = join(repository, 'test/chaos/interfere.mjs');
  const args = ['--import', interfere, options.entry];
  const child = spawn(process.execPath, args, {
    cwd: repository,
    env: { ...CLEAN, ...options.environment, ...environment },
  });
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const exit = new Promise<number | null>((resolve) => {
    child.on('exit', (code) => {
      process.off('exit', killWithUs);
      resolve(code);
    });
  });
  const life: Life = {
    child,
    exit,
    output: '',
    isReady: false,
    isFrozen: false,
    isMeant: false,
    isExpendable: false,
  };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      if (options.log !== undefined) appendFileSync(options.log, chunk);
      life.output = (life.output + chunk.toString()).slice(-KEPT_OUTPUT);
      life.isReady ||= life.output.includes('"msg":"started"') || life.output.includes('loaded ');
    });
  return life;
}

/** Whether a process stands still: it may have stopped itself. */
function isStopped({ pid }: ChildProcess): boolean {
  try {
    // The state follows the name in parentheses (proc(5)).
    return / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/, ''));
  } catch {
    return false;
  }
}

/** Creates a replica; it does not run yet. */
export async function createReplica(options: ReplicaOptions): Promise<Replica> {
  const slack = await startRelay(Number(new URL(options.slackApiUrl).port));
  const slackApiUrl = new URL(options.slackApiUrl);
  slackApiUrl.port = String(slack.port);
  let life: Life | undefined;
  let latest: Life | undefined;
  let control: { shift: number; killAfter?: number; freezeBefore?: number } = { shift: 0 };
  const writeControl = (change: Partial<typeof control>): void => {
    control = { ...control, ...change };
    // At once: the process may read it at any time.
    writeFileSync(`${options.control}.new`, JSON.stringify(control));
    renameSync(`${options.control}.new`, options.control);
  };
  /** Without its handler, which is there when it has started, the signal would end the process. */
  const tellControl = (): void => {
    if (life?.isReady === true) life.child.kill('SIGUSR2');
  };

  async function end(ending: Life, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    ending.isMeant = true;
    ending.child.kill(signal);
    ending.child.kill('SIGCONT');
    const limit = setTimeout(() => ending.child.kill('SIGKILL'), STOP_LIMIT);
    await ending.exit;
    clearTimeout(limit);
    if (life === ending) life = undefined;
  }

  const replica: Replica = {
    name: options.name,
    slack,
    isRunning: () => life !== undefined,
    isWorking: () =>
      life !== undefined && life.isReady && !life.isFrozen && !life.isMeant && !isStopped(life.child),
    start(shiftMs = 0) {
      if (life !== undefined) return;
      // What was meant for the process before this one would end this one, as if it had died by itself.
      writeControl({ shift: shiftMs, killAfter: undefined, freezeBefore: undefined });
      const begun = begin(options, {
        SLACK_API_URL: slackApiUrl.href,
        CHAOS_CONTROL: options.control,
      });
      life = begun;
      latest = begun;
      void begun.exit.then((code) => {
        if (begun.isMeant) return;
        if (life === begun) life = undefined;
        if (begun.isExpendable) return;
        options.onDeath(replica, code);
        return;
      });
    },
    setClock(shiftMs) {
      writeControl({ shift: shiftMs });
      tellControl();
    },
    killAfterWrites(killAfter) {
      writeControl({ killAfter });
      if (life === undefined) return;
      life.isExpendable = killAfter !== undefined;
      tellControl();
    },
    freezeBeforeWrite(freezeBefore) {
      writeControl({ freezeBefore });
      tellControl();
    },
    async kill() {
      if (life !== undefined) await end(life, 'SIGKILL');
    },
    async stop() {
      if (life !== undefined) await end(life, 'SIGTERM');
    },
    freeze() {
      if (life === undefined) return;
      life.child.kill('SIGSTOP');
      life.isFrozen = true;
    },
    thaw() {
      if (life === undefined) return;
      life.child.kill('SIGCONT');
      life.isFrozen = false;
    },
    tail: () => (latest?.output ?? '').trimEnd().split('\n').slice(-8).join('\n'),
    async close() {
      await replica.kill();
      await slack.cut();
    },
  };
  return replica;
}
