import { templateProblems } from '../template/template.ts';
import type { RuleFileNote } from './source.ts';
import type { Part } from './validate.ts';

const TEMPLATED = ['labels', 'annotations'] as const;

function valueAt(part: Part, key: string): unknown {
  let value = part.document.value;
  for (const step of [...part.path, key])
    value = (value as Record<string | number, unknown> | undefined)?.[step];
  return value;
}

/** Templates of a rule that use what is not understood here: they are shown as they are written, so it is said. */
export function templateNotes(part: Part): readonly RuleFileNote[] {
  return TEMPLATED.flatMap((key) => {
    const map = valueAt(part, key);
    if (typeof map !== 'object' || map === null) return [];
    return Object.entries(map as Record<string, string>).flatMap(([name, text]) =>
      // The first says that the template is not understood; the others follow from it.
      templateProblems(text)
        .slice(0, 1)
        .map(({ at, message }): RuleFileNote => {
          const offset = part.document.offsetInside([...part.path, key, name], at);
          const shown = `in \`${key}.${name}\` ${message}. The text is shown as it is written.`;
          return { ...part.source.at(offset, shown), code: 'template-unsupported' };
        }),
    );
  });
}
