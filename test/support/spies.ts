import type { Logger } from '../../src/lib/logger.ts';
import type { Recorder } from '../../src/lib/recorder.ts';

/** One line of a log. */
export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines for a test to look at. */
export interface SpyLogger extends Logger {
  readonly lines: readonly LogLine[];
  /** The messages of one level. */
  messages(level: keyof Logger): readonly string[];
}

export function createSpyLogger(): SpyLogger {
  const lines: LogLine[] = [];
  const at =
    (level: keyof Logger) =>
    (message: string, fields: LogLine['fields'] = {}): void =>
      void lines.push({ level, message, fields });
  return {
    lines,
    messages: (level) => lines.filter((line) => line.level === level).map(({ message }) => message),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

type Recorded = { [Name in keyof Recorder]: readonly [Name, Parameters<Recorder[Name]>[0]] }[keyof Recorder];

/** A recorder that keeps what it was notified. */
export interface SpyRecorder extends Recorder {
  /** The events of one kind, in order. */
  events<Name extends keyof Recorder>(name: Name): readonly Parameters<Recorder[Name]>[0][];
}

export function createSpyRecorder(): SpyRecorder {
  const recorded: Recorded[] = [];
  return {
    events: <Name extends keyof Recorder>(name: Name) =>
      recorded.filter((one) => one[0] === name).map((one) => one[1] as Parameters<Recorder[Name]>[0]),
    evaluated: (event) => void recorded.push(['evaluated', event]),
    queried: (event) => void recorded.push(['queried', event]),
    alerts: (event) => void recorded.push(['alerts', event]),
    pendingMessages: (event) => void recorded.push(['pendingMessages', event]),
    notified: (event) => void recorded.push(['notified', event]),
    slackCalled: (event) => void recorded.push(['slackCalled', event]),
    answered: (event) => void recorded.push(['answered', event]),
    reloaded: (event) => void recorded.push(['reloaded', event]),
    received: (event) => void recorded.push(['received', event]),
    clockMeasured: (event) => void recorded.push(['clockMeasured', event]),
    backgroundFailed: (event) => void recorded.push(['backgroundFailed', event]),
  };
}
