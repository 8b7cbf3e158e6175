import { describe } from 'vitest';
import { hasBrowser } from './browser.ts';
import { PROMETHEUS_3, PROMTOOL_3 } from './generations.ts';
import { ALERTMANAGER_NEW } from './real-alertmanager.ts';
import { isJaegerHere, JAEGER } from './real-jaeger.ts';
import { isInstalled } from './real-prometheus.ts';
import { isRedisInstalled, isSentinelInstalled } from './real-redis.ts';

/** Something a live suite runs against. */
export interface Need {
  readonly name: string;
  readonly isHere: () => boolean;
  /** How to get it, to end a sentence. */
  readonly remedy: string;
  /** Whether `TAILWATCH_LIVE=required` insists on it: what a Debian package gives, every CI machine can have. */
  readonly isRequired: boolean;
}

const debian = (name: string, isHere: () => boolean, of = name): Need => ({
  name,
  isHere,
  remedy: `apt-get install ${of}`,
  isRequired: true,
});

/** A tool that .ci/servers builds; `command` is one that ends with 0. A path that was given must work. */
const built = (name: 'kustomize' | 'helm', path: string, command: string): Need => ({
  name,
  isHere: () => isInstalled(path, command),
  remedy: `set TAILWATCH_${name.toUpperCase()} to its binary, which .ci/servers builds`,
  isRequired: path !== '',
});

/** The tools for Kubernetes manifests; empty where there is none. */
export const KUSTOMIZE = process.env['TAILWATCH_KUSTOMIZE'] ?? '';
export const HELM = process.env['TAILWATCH_HELM'] ?? '';

const NEEDS = {
  prometheus: debian('prometheus', () => isInstalled('prometheus')),
  promtool: debian('promtool', () => isInstalled('promtool'), 'prometheus'),
  'redis-server': debian('redis-server', isRedisInstalled),
  'redis-sentinel': debian('redis-sentinel', isSentinelInstalled),
  alertmanager: debian(
    'alertmanager',
    () => isInstalled('prometheus-alertmanager') && isInstalled('amtool'),
    'prometheus-alertmanager',
  ),
  'alertmanager-new': {
    name: 'Alertmanager 0.34',
    isHere: () => isInstalled(ALERTMANAGER_NEW),
    remedy: 'set TAILWATCH_ALERTMANAGER to its binary, which .ci/servers builds',
    isRequired: ALERTMANAGER_NEW !== '',
  },
  chromium: debian('chromium', hasBrowser),
  'prometheus-3': {
    name: 'Prometheus 3',
    isHere: () => isInstalled(PROMETHEUS_3),
    remedy: 'set TAILWATCH_PROMETHEUS_3 to its binary, which .ci/servers builds',
    // A path that was given is meant: one that does not run is a mistake, not a machine without.
    isRequired: PROMETHEUS_3 !== '',
  },
  'promtool-3': {
    name: "Prometheus 3's promtool",
    isHere: () => isInstalled(PROMTOOL_3),
    remedy: 'have it beside the binary that TAILWATCH_PROMETHEUS_3 names, as .ci/servers builds it',
    isRequired: false,
  },
  kustomize: built('kustomize', KUSTOMIZE, 'version'),
  helm: built('helm', HELM, 'version'),
  jaeger: {
    name: 'Jaeger',
    isHere: isJaegerHere,
    remedy: 'set TAILWATCH_JAEGER to its binary, which .ci/servers builds',
    isRequired: JAEGER !== '',
  },
} as const satisfies Readonly<Record<string, Need>>;

/** What can be asked for by name. */
export type NeedName = keyof typeof NEEDS;

/** What to do about a suite: run it, leave it out with a sentence, or refuse with one. */
export type LiveVerdict =
  | { readonly kind: 'run' }
  | { readonly kind: 'skip' | 'refuse'; readonly sentence: string };

/** Decides about a suite by what it needs; `mode` is the value of TAILWATCH_LIVE. */
export function judgeNeeds(needs: readonly Need[], mode: string | undefined): LiveVerdict {
  const missing = needs.filter(({ isHere }) => !isHere());
  if (missing.length === 0) return { kind: 'run' };
  const sentence = missing.map(({ name, remedy }) => `${name} is not here: ${remedy}`).join('; ');
  const isRefused = mode === 'required' && missing.some(({ isRequired }) => isRequired);
  return { kind: isRefused ? 'refuse' : 'skip', sentence };
}

/**
 * `describe` for a suite that runs against real programs. Where one is missing the suite is skipped and a sentence says
 * why; with TAILWATCH_LIVE=required, as CI sets it, one that a Debian package gives fails the file instead: a suite that
 * nobody runs must not look like one that passes.
 */
export function requireOrSkip(...names: readonly NeedName[]): (name: string, suite: () => void) => void {
  const verdict = judgeNeeds(
    names.map((name) => NEEDS[name]),
    process.env['TAILWATCH_LIVE'],
  );
  if (verdict.kind === 'run') return describe;
  if (verdict.kind === 'refuse') throw new Error(`${verdict.sentence} (TAILWATCH_LIVE=required)`);
  return (name, suite) => {
    // A reporter folds skipped suites away, names and all.
    console.log(`skipped: ${name}: ${verdict.sentence}`);
    describe.skip(name, suite);
  };
}
