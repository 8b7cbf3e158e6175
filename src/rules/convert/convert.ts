import { stringify } from 'yaml';
import { parseRuleText } from '../file/rule-file.ts';
import {
  createSourceFile,
  errorAt,
  type RuleFileError,
  type RuleFileSection,
  valueOf,
} from '../file/section.ts';
import { readYaml } from '../file/yaml-document.ts';
import type { Converted } from './burn-rules.ts';
import { convertOpenSlo } from './openslo.ts';
import { convertPyrra } from './pyrra.ts';
import { convertSloth } from './sloth.ts';

const CONVERTERS = {
  sloth: convertSloth,
  pyrra: convertPyrra,
  openslo: convertOpenSlo,
} as const satisfies Record<
  string,
  (document: RuleFileSection, documents: readonly RuleFileSection[]) => Converted
>;

/** A tool whose SLO documents can be converted. */
export type SloTool = keyof typeof CONVERTERS;
export const SLO_TOOLS = Object.keys(CONVERTERS) as readonly SloTool[];

/** A rule file, or the errors of what a rule file cannot express. */
export type Conversion =
  | { readonly ok: true; readonly yaml: string }
  | { readonly ok: false; readonly errors: readonly RuleFileError[] };

function toolOf(document: RuleFileSection): SloTool | undefined {
  const { apiVersion, version } = (valueOf(document) ?? {}) as { apiVersion?: unknown; version?: unknown };
  if (version === 'prometheus/v1' || apiVersion === 'sloth.slok.dev/v1') return 'sloth';
  if (apiVersion === 'pyrra.dev/v1alpha1') return 'pyrra';
  return apiVersion === 'openslo/v1' ? 'openslo' : undefined;
}

const UNKNOWN =
  'unrecognized document: expected `version: prometheus/v1` or `apiVersion: sloth.slok.dev/v1` (Sloth), `apiVersion: pyrra.dev/v1alpha1` (Pyrra) or `apiVersion: openslo/v1`.';

/** Groups and objectives of the short form as a rule file: a document each, since Prometheus reads only the first kind. */
function written(converted: readonly Converted[]): string {
  const groups = converted.flatMap((one) => one.groups);
  const slos = converted.flatMap((one) => one.slos ?? []);
  const documents = [
    ...(groups.length > 0 || slos.length === 0 ? [{ groups }] : []),
    ...(slos.length > 0 ? [{ slos }] : []),
  ];
  return documents
    .map((document) => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}

/**
 * Converts the SLO documents of other tools to a rule file. A field that cannot be converted is an error with its name and
 * location, never dropped. The result is checked by our own parser before it is returned.
 */
export function convertText(file: string, text: string, from?: SloTool): Conversion {
  const source = createSourceFile(file, text);
  const yaml = readYaml(source);
  const sections = yaml.documents.map((document) => ({ source, document, path: [] }));
  const converted = sections.map((section): Converted => {
    const tool = from ?? toolOf(section);
    return tool === undefined
      ? { groups: [], errors: [errorAt(section, UNKNOWN)] }
      : CONVERTERS[tool](section, sections);
  });
  const isEmpty = yaml.documents.length === 0 && yaml.errors.length === 0;
  const none = isEmpty ? [{ ...source.at(0), message: UNKNOWN }] : [];
  const errors = [...yaml.errors, ...none, ...converted.flatMap((one) => one.errors)];
  if (errors.length > 0) return { ok: false, errors };
  const rules = written(converted);
  const read = parseRuleText('the converted rules', rules);
  return read.ok ? { ok: true, yaml: rules } : { ok: false, errors: read.errors };
}
