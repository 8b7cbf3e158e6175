import { type Answer, page } from './answer.ts';
import type { Backend } from './reader.ts';

export function answerPage(_backend: Backend, _url: URL): Answer {
  return page('<!DOCTYPE html>\n<html lang="en"><title>Jaeger stand-in</title></html>\n');
}
