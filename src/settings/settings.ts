import { inspect } from 'node:util';
import type { GrafanaPlaces } from '../lib/links.ts';

const MASK = '[secret]';

/** A value that must not be printed: every way of printing it gives a mask, `reveal()` gives the value. */
export interface Secret<T = string> {
  reveal(): T;
  toString(): string;
  toJSON(): string;
  [inspect.custom](): string;
}

/** Wraps a secret. The value is in a closure, where no walk over properties finds it. */
export function secret<T>(value: T): Secret<T> {
  return {
    reveal: () => value,
    toString: () => MASK,
    toJSON: () => MASK,
    [inspect.custom]: () => MASK,
  };
}

/** Environment variables as they are set. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** How requests from Slack reach the bot. */
export type SlackTransport =
  | { readonly kind: 'socket'; readonly appToken: Secret }
  | { readonly kind: 'http'; readonly signingSecret: Secret; readonly port: number };

/** Prometheus or Jaeger. */
export interface Upstream {
  readonly url: string;
  /** The address for browsers. */
  readonly publicUrl: string;
  readonly headers: Secret<Readonly<Record<string, string>>>;
}

/** Outgoing proxies. Their addresses may hold credentials. */
export interface ProxySettings {
  /** For `https://` addresses. */
  readonly https?: Secret;
  /** For `http://` addresses. */
  readonly http?: Secret;
  /** `NO_PROXY` as it is set. */
  readonly except?: string;
}

/** All settings. Safe to log: secrets print as `[secret]`. */
export interface Settings {
  readonly slack: {
    readonly botToken: Secret;
    readonly transport: SlackTransport;
    /** Ends in a slash. */
    readonly apiUrl: string;
    /** The channel for rules that name none. */
    readonly channel: string;
    /** Whether answers about a trace include an image of it. */
    readonly showsPictures: boolean;
  };
  readonly prometheus: Upstream;
  readonly jaeger: Upstream;
  readonly kialiUrl?: string;
  readonly grafanaUrl?: string;
  /** Data sources and dashboard for links into that Grafana. */
  readonly grafanaPlaces: GrafanaPlaces;
  /** Absent: the embedded store in `dataDir`. */
  readonly redis?: {
    readonly url: Secret;
    /** Prefix of every key: different for each installation on the same Redis. */
    readonly prefix: string;
  };
  readonly dataDir: string;
  readonly proxy: ProxySettings;
  /** Files and directories, as written. */
  readonly rulesFiles: readonly string[];
  readonly logLevel: LogLevel;
  readonly opsPort: number;
}
