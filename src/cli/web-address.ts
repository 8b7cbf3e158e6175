import { InvalidArgumentError } from 'commander';

/**
 * An address of a server as it is typed on the command line.
 * @throws InvalidArgumentError when it is none, most often for lack of `http://`.
 */
export function webAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new InvalidArgumentError('Write an address like http://prometheus:9090.');
}
