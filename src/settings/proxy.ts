import { type ProxySettings, secret } from './settings.ts';

type Texts = Readonly<Record<string, string | undefined>>;

const NAMES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'] as const;

/** curl and Go also read these variables in lower case; upper case wins. */
export function withLowerCaseProxies(environment: Texts): Texts {
  const lower = NAMES.map((name) => [name, environment[name.toLowerCase()]] as const);
  return { ...Object.fromEntries(lower.filter(([, value]) => value !== undefined)), ...environment };
}

/** `proxy:3128` means `http://proxy:3128`. */
const addressOf = (value: string): string => (value.includes('://') ? value : `http://${value}`);

/** What to write instead of an invalid proxy address; undefined for a valid one. */
export function proxyAdvice(value: string): string | undefined {
  const proxy = addressOf(value);
  return URL.canParse(proxy) && /^https?:$/.test(new URL(proxy).protocol)
    ? undefined
    : 'Use the address of an HTTP proxy, like http://proxy:3128.';
}

/** The proxies from variables that are valid. */
export function proxySettings({ HTTPS_PROXY, HTTP_PROXY, NO_PROXY }: Texts): ProxySettings {
  return {
    https: HTTPS_PROXY === undefined ? undefined : secret(addressOf(HTTPS_PROXY)),
    http: HTTP_PROXY === undefined ? undefined : secret(addressOf(HTTP_PROXY)),
    except: NO_PROXY,
  };
}
