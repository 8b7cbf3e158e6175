import { PLAIN_ROUTE } from '../../policy/route.ts';
import { defined } from './defined.ts';
import type { FilePolicy } from './policy.ts';
import { mergeLimits } from './policy-limits.ts';
import { mergeDefaults } from './route-defaults.ts';

/** What all files say together. The tree may stand in one of them only. */
export function mergePolicies(files: readonly FilePolicy[]): FilePolicy {
  const [first, ...others] = files.flatMap(({ policy, routePlace }) =>
    routePlace === undefined ? [] : [{ route: policy.route, routePlace }],
  );
  const all = files.map(({ policy }) => policy);
  const limits = mergeLimits(files.flatMap((file) => file.limits ?? []));
  const defaults = files.flatMap((file) => file.defaults);
  const named = mergeDefaults(defaults);
  return {
    policy: {
      ...limits.limits,
      route: first?.route ?? PLAIN_ROUTE,
      ...named.routing,
      silences: all.flatMap(({ silences }) => silences),
      maintenance: all.flatMap(({ maintenance }) => maintenance),
      inhibitRules: all.flatMap(({ inhibitRules }) => inhibitRules),
      inhibitsByCallGraph: all.some(({ inhibitsByCallGraph }) => inhibitsByCallGraph),
      ...defined({ isPrometheus: all.some(({ isPrometheus }) => isPrometheus) || undefined }),
    },
    notes: files.flatMap(({ notes }) => notes),
    ends: files.flatMap(({ ends }) => ends),
    defaults,
    ...defined({ routePlace: first?.routePlace }),
    errors: [
      ...others.map(({ routePlace }) => ({
        ...routePlace,
        message: `\`route\` stands in ${first?.routePlace.file ?? 'another file'} already: there is one tree for all rules.`,
      })),
      ...limits.errors,
      ...named.errors,
    ],
  };
}
