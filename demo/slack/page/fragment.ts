import type { ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';

/**
 * A piece of the page as HTML. React puts a preload link for each picture in front of what it renders; a piece that is inserted by
 * itself must begin with its own element, so these links are taken off.
 */
export function renderFragment(node: ReactNode): string {
  return renderToStaticMarkup(node).replace(/^(?:<link rel="preload"[^>]*>)+/, '');
}
