/** An address without the slashes at its end, so that a path can follow. */
export const trimmed = (base: string): string => base.replace(/\/+$/, '');

/** Parameters of an address, escaped; undefined ones are left out. */
export function query(parameters: readonly (readonly [string, string | number | undefined])[]): string {
  return parameters
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&');
}
