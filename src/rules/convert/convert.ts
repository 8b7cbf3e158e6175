import { stringify } from 'yaml';
import { parseRuleText } from '../file/rule-file.ts';
import { createSource, type RuleFileError } from '../file/source.ts';
import { readYaml, type YamlDocument } from '../file/yaml-document.ts';
import type { Converter } from './fields.ts';
import { convertOpenSlo } from './openslo.ts';
import { convertPyrra } from './pyrra.ts';
import { convertSloth } from './sloth.ts';

const CONVERTERS = {
  sloth: convertSloth,
  pyrra: convertPyrra,
  openslo: convertOpenSlo,
} as const satisfies Record<string, Converter>;

/** Whose documents can be converted. */
export type Origin = keyof typeof CONVERTERS;
export const ORIGINS = Object.keys(CONVERTERS) as readonly Origin[];

/** A rule file, or everything in a document that a rule file cannot say. */
export type Conversion =
  | { readonly ok: true; readonly yaml: string }
  | { readonly ok: false; readonly errors: readonly RuleFileError[] };

function originOf({ value }: YamlDocument): Origin | undefined {
  const { apiVersion, version } = (value ?? {}) as { apiVersion?: unknown; version?: unknown };
  if (version === 'prometheus/v1') return 'sloth';
  if (apiVersion === 'pyrra.dev/v1alpha1') return 'pyrra';
  return apiVersion === 'openslo/v1' ? 'openslo' : undefined;
}

const UNKNOWN =
  'this is no document that is known: `version: prometheus/v1` (Sloth), `apiVersion: pyrra.dev/v1alpha1` (Pyrra) or `apiVersion: openslo/v1`.';

/**
 * Converts the SLO documents of other tools to a rule file. Nothing is left out in silence: a field that cannot be
 * carried is refused by its name and place, and what comes out is held against our own parser.
 */
export function convertText(file: string, text: string, from?: Origin): Conversion {
  const source = createSource(file, text);
  const { documents, errors: broken } = readYaml(source);
  const converted = documents.map((document) => {
    const origin = from ?? originOf(document);
    if (origin === undefined) return { groups: [], errors: [source.at(document.offsetOf([]), UNKNOWN)] };
    return CONVERTERS[origin]({ source, document, path: [] });
  });
  const none = documents.length === 0 && broken.length === 0 ? [source.at(0, UNKNOWN)] : [];
  const errors = [...broken, ...none, ...converted.flatMap((one) => one.errors)];
  if (errors.length > 0) return { ok: false, errors };
  const yaml = stringify(
    { groups: converted.flatMap(({ groups }) => groups) },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
  const read = parseRuleText('the converted rules', yaml);
  return read.ok ? { ok: true, yaml } : { ok: false, errors: read.errors };
}
