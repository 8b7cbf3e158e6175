/** The colours of a picture. */
export interface Theme {
  readonly background: string;
  readonly text: string;
  /** Operations, ticks, what is less important. */
  readonly quiet: string;
  /** Lines of the grid. */
  readonly line: string;
  readonly stripe: string;
  readonly bar: string;
  /** The critical path. */
  readonly path: string;
  /** Stripes over a bar where only the network and proxies were at work. */
  readonly hatch: string;
  readonly error: string;
}

export type ThemeName = 'light' | 'dark';

/**
 * Slack tells nobody whether a reader's client is light or dark. The light one carries its own ground and a frame, so that it
 * stands as a card on both; every text has a contrast of 4.5 to 1 or more on its ground (WCAG 2.2, 1.4.3).
 */
export const THEMES: Readonly<Record<ThemeName, Theme>> = {
  light: {
    background: '#ffffff',
    text: '#1b2430',
    quiet: '#566273',
    line: '#d9dfe7',
    stripe: '#f5f7fa',
    bar: '#a9b8cb',
    path: '#d32f3a',
    hatch: '#ffffff',
    error: '#b3121d',
  },
  dark: {
    background: '#1d2127',
    text: '#eef1f5',
    quiet: '#a9b4c2',
    line: '#3a424d',
    stripe: '#242a32',
    bar: '#5f6f84',
    path: '#ff6b6b',
    hatch: '#1d2127',
    error: '#ff8a8a',
  },
};
