import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

export interface DocumentedCommand {
  readonly page: string;
  readonly command: string;
}

/** Programs that commands begin with. */
const PROGRAMS = 'tailwatch|npm|npx|node|kubectl|helm|docker|kustomize|promtool|amtool|curl';

/** The commands of the README, CONTRIBUTING and the docs: the lines of indented blocks, and those in a text with arguments. */
export function documentedCommands(): readonly DocumentedCommand[] {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
  ];
  return pages
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) => {
      // A fenced block says what it is.
      const text = read(page).replaceAll(/```[^]*?```/g, '');
      const lines = [...text.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = '']) => line.replace(/\s+#.*/, ''));
      const inline = [...text.matchAll(new RegExp(`\`((?:${PROGRAMS})\\s[^\`\\n]+)\``, 'g'))].map(
        ([, line = '']) => line,
      );
      return [...lines, ...inline].flatMap((line) =>
        line.split(' && ').map((command) => ({ page, command })),
      );
    });
}

/** How a documented command is run. */
export type Runner =
  /** By `test/e2e/process.test.ts`, as it is written, on files and with the program that its words stand for. */
  | 'program'
  /** By another test or a step of CI, which has this text. */
  | { readonly file: string; readonly holds: string }
  /** By nothing, for this reason. */
  | { readonly because: string };

const PROCESS = 'test/e2e/process.test.ts';

/** Every documented command. The first pattern that matches the whole command applies. */
const RUNNERS: readonly (readonly [pattern: RegExp, runner: Runner])[] = [
  [/tailwatch schema/, 'program'],
  [/tailwatch (?:check FILES|convert FILE|trace FILE|why --slow FILE --normal FILE)/, 'program'],
  [/npx tailwatch@VERSION check rules\.yaml --strict/, 'program'],
  [
    /tailwatch check rules\.yaml --against \S+/,
    { file: PROCESS, holds: "['check', file, '--against', world.prometheusUrl]" },
  ],
  [/tailwatch replay FILES --against URL --from -30d/, { file: PROCESS, holds: "'replay'," }],
  [
    /(?:tailwatch|(?:kubectl exec .+ )?node (?:--env-file=\.env )?dist\/main\.js) doctor/,
    { file: PROCESS, holds: "run(['doctor'], env)" },
  ],
  [
    /tailwatch test-notification.*/,
    { file: PROCESS, holds: "run(['test-notification', '--service', 'checkout']" },
  ],
  [/tailwatch ledger.*/, { file: 'test/e2e/ledger.test.ts', holds: 'ledgerCommand(' }],
  [/tailwatch (?:check|convert|replay|trace)(?: --\w+)?/, { because: 'it names a command or an option' }],
  [/npm run demo/, { file: PROCESS, holds: "'demo/main.ts'" }],
  [/npm run sbom/, { file: 'test/unit/release.test.ts', holds: "packageJson.scripts['sbom']" }],
  [/npm ci --ignore-scripts/, { file: 'Dockerfile', holds: 'RUN npm ci --ignore-scripts' }],
  [/npm ci|(?:TAILWATCH_SEED=\d+ )?npm test/, { file: '.ci/run', holds: 'npm ci && npm test' }],
  [/npm run check/, { file: '.ci/run', holds: 'npm run check' }],
  [/npm run bench(?: -- fuzz)?/, { file: '.ci/run', holds: 'npm run bench -- fuzz' }],
  [/npm run bench -- \w+(?: \w+)*/, { because: 'it measures for minutes, on a quiet machine' }],
  [/npm run test:live/, { file: '.ci/run', holds: 'npm run test:live' }],
  [/TAILWATCH_CHAOS=1 npm run test:live .+/, { because: 'it kills processes at random, for minutes' }],
  [/npm pack/, { file: '.ci/production', holds: 'npm pack --silent' }],
  [
    /npm install --global .+|npx --package \S+ tailwatch/,
    { file: '.ci/production', holds: 'npx --yes --package' },
  ],
  [/node --env-file=\.env dist\/main\.js/, { file: '.ci/production', holds: 'node dist/main.js' }],
  [/docker build .+/, { because: 'CI has no Docker: .ci/production runs the stages of the Dockerfile' }],
  [
    /kubectl create .+/,
    { because: 'CI has no cluster: test/unit/manifests/kubernetes.test.ts checks the Secret' },
  ],
  [/npm run dev/, { because: 'it runs until it is stopped, and needs the tokens of a .env' }],
  [/npm run screenshots/, { because: 'it takes the pictures of the documentation' }],
  [/docker compose .+/, { because: 'CI has no Docker: test/unit/manifests/compose.test.ts checks the file' }],
  [
    /(?:kubectl apply|helm install) .+/,
    { file: 'test/live/kubernetes-manifests.test.ts', holds: 'documentedCommands()' },
  ],
];

/** How a command is run; undefined for one that is not listed. */
export const runnerOf = (command: string): Runner | undefined =>
  RUNNERS.find(([pattern]) => new RegExp(`^(?:${pattern.source})$`).test(command))?.[1];
