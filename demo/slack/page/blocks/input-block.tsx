import type { ReactNode } from 'react';
import type { RenderContext } from '../context.ts';
import { PlainText } from '../text/text-view.tsx';
import { plainTextOf, record, stringOf, type Wire } from '../wire.ts';
import type { ControlRole } from './choices.tsx';
import { ElementView } from './elements.tsx';

interface Props {
  readonly block: Wire;
  readonly context: RenderContext;
  readonly role: ControlRole;
}

/** An `input` block: label, control, hint, and an empty place for the error that a refused submit puts under it. */
export function InputBlock({ block, context }: Props): ReactNode {
  const label = plainTextOf(block['label']);
  const hint = plainTextOf(block['hint']);
  return (
    <div className="input-block" data-role="input-block" data-optional={block['optional'] === true}>
      <div className="input-label" aria-hidden="true">
        <PlainText text={label} />
        {block['optional'] === true ? <span className="muted"> (optional)</span> : null}
      </div>
      <ElementView
        element={record(block['element'])}
        blockId={stringOf(block['block_id'])}
        role="input"
        label={label}
        context={context}
      />
      <div className="input-error" data-role="input-error" role="alert" />
      {hint === '' ? null : (
        <div className="input-hint">
          <PlainText text={hint} />
        </div>
      )}
    </div>
  );
}
