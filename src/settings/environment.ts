/** One mistake in the environment. No part of it holds a secret. */
export interface Mistake {
  readonly variable: string;
  /** What was found. */
  readonly found: string;
  /** What to write instead: a full sentence. */
  readonly advice: string;
}

/** The variables as they are set. */
export type Environment = Readonly<Record<string, string | undefined>>;
