import { z } from 'zod';
import { alertSchema, groupSchema, recordingSchema } from './groups.ts';
import { POLICY_SCHEMAS } from './policy.ts';
import { NAMING_KEY, namingSchema } from './service-names.ts';
import { sloSchema } from './slos.ts';

/** A JSON schema or a part of one. */
type JsonSchema = Readonly<Record<string, unknown>>;

const groups = z.array(
  groupSchema.extend({ rules: z.array(z.union([alertSchema, recordingSchema])).optional() }),
);

const OWN_KEYS = z
  .strictObject({ slos: z.array(sloSchema), ...POLICY_SCHEMAS, [NAMING_KEY]: namingSchema })
  .partial();

const kubernetesObject = (kind: string, more: z.ZodRawShape) =>
  z.looseObject({ kind: z.literal(kind), ...more });

const prometheusRule = kubernetesObject('PrometheusRule', { spec: z.strictObject({ groups }) });

/** A document of a rule file, by the schemas that the parser uses. Prometheus's groups are in a document of their own. */
const documentSchema = z.union([
  z.strictObject({ groups }),
  OWN_KEYS,
  prometheusRule,
  kubernetesObject('List', { items: z.array(prometheusRule) }),
]);

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The parser reads every scalar as a text: an editor sees numbers, booleans and nothing as well. */
const SCALARS = ['string', 'number', 'boolean'] as const;

/** Words that YAML reads as booleans. */
const withBooleans = (values: readonly unknown[]): readonly unknown[] => [
  ...values,
  ...values.flatMap((value) => (value === 'true' || value === 'false' ? [value === 'true'] : [])),
];

function asWritten(schema: JsonSchema, isOptional: boolean): JsonSchema {
  const { type, enum: values } = schema;
  // A key with nothing after it is an absent one.
  const nothing = isOptional ? (['null'] as const) : [];
  if (Array.isArray(values)) {
    const { type: _, ...rest } = schema;
    return { ...rest, enum: [...withBooleans(values), ...(isOptional ? [null] : [])] };
  }
  if (type === 'string') return { ...schema, type: [...SCALARS, ...nothing] };
  return typeof type === 'string' && isOptional ? { ...schema, type: [type, ...nothing] } : schema;
}

/** A schema with its parts as YAML documents have them. */
function forYaml(value: unknown, isOptional = false): unknown {
  if (Array.isArray(value)) return value.map((each) => forYaml(each));
  if (!isObject(value)) return value;
  const required: readonly unknown[] = Array.isArray(value['required']) ? value['required'] : [];
  const entries = Object.entries(value).map(([key, part]) => {
    if (key === 'enum' || key === 'required' || key === 'const') return [key, part];
    if (key !== 'properties' || !isObject(part)) return [key, forYaml(part)];
    const properties = Object.entries(part).map(([name, each]) => [
      name,
      forYaml(each, !required.includes(name)),
    ]);
    return [key, Object.fromEntries(properties)];
  });
  return asWritten(Object.fromEntries(entries), isOptional);
}

/** The JSON schema of a document of a rule file, for editors. It is less strict than the parser. */
export function ruleFileSchema(): JsonSchema {
  const schema = z.toJSONSchema(documentSchema, { io: 'input', unrepresentable: 'any' });
  return { title: 'Tailwatch rule file', ...(forYaml(schema) as JsonSchema) };
}
