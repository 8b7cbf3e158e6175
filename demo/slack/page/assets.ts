import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ACTIONS_SCRIPT } from './browser/actions.ts';
import { BLOCK_STYLES } from './browser/block-styles.ts';
import { COMPOSER_SCRIPT } from './browser/composer.ts';
import { DOM_SCRIPT } from './browser/dom.ts';
import { LAYOUT_STYLES } from './browser/layout-styles.ts';
import { LIVE_SCRIPT } from './browser/live.ts';
import { MESSAGES_SCRIPT } from './browser/messages.ts';
import { MODAL_SCRIPT } from './browser/modal.ts';
import { THREAD_SCRIPT } from './browser/thread.ts';

interface Asset {
  readonly type: 'text/css' | 'text/javascript';
  readonly body: string;
}

/** The browser's ES modules, by the name under which they import each other. */
export const SCRIPTS: Readonly<Record<string, string>> = {
  'dom.js': DOM_SCRIPT,
  'messages.js': MESSAGES_SCRIPT,
  'thread.js': THREAD_SCRIPT,
  'actions.js': ACTIONS_SCRIPT,
  'modal.js': MODAL_SCRIPT,
  'composer.js': COMPOSER_SCRIPT,
  'main.js': LIVE_SCRIPT,
};

let libraryStyles: string | undefined;

/** The style sheet of slack-blocks-to-jsx, with its class where it has its element id: the page shows many of its messages. */
function readLibraryStyles(): string {
  const path = createRequire(import.meta.url).resolve('slack-blocks-to-jsx/dist/style.css');
  libraryStyles ??= readFileSync(path, 'utf8').replaceAll('#slack_blocks_to_jsx', '.slack_blocks_to_jsx');
  return libraryStyles;
}

/** The style sheet or script at a path; undefined when there is none. */
export function assetFor(path: string): Asset | undefined {
  const [, name = ''] = /^\/assets\/([a-z.-]+)$/.exec(path) ?? [];
  if (name === 'page.css') return { type: 'text/css', body: LAYOUT_STYLES + BLOCK_STYLES };
  if (name === 'library.css') return { type: 'text/css', body: readLibraryStyles() };
  const script = Object.hasOwn(SCRIPTS, name) ? SCRIPTS[name] : undefined;
  return script === undefined ? undefined : { type: 'text/javascript', body: script };
}
