import type { ReactNode } from 'react';
import type { OpenView } from '../model.ts';
import { BlockList } from './blocks/blocks.tsx';
import type { RenderContext } from './context.ts';
import { PlainText } from './text/text-view.tsx';
import { plainTextOf, records, stringOf } from './wire.ts';

/** Errors whose block is not on the form (or has no place for one) are listed above the buttons. */
function homelessErrors({ view, errors = {} }: OpenView): readonly string[] {
  const homes = new Set(
    records(view['blocks'])
      .filter((block) => block['type'] === 'input')
      .map((block) => stringOf(block['block_id'])),
  );
  return Object.entries(errors).flatMap(([blockId, text]) => (homes.has(blockId) ? [] : [text]));
}

/** The contents of the modal's dialog: title, blocks, and the buttons the view asks for. */
export function ModalView({ open, context }: { open: OpenView; context: RenderContext }): ReactNode {
  const { view } = open;
  const submit = plainTextOf(view['submit']);
  return (
    <form
      className="modal"
      method="dialog"
      noValidate
      data-role="modal"
      data-view-id={open.viewId}
      data-callback-id={stringOf(view['callback_id'])}
      data-errors={JSON.stringify(open.errors ?? {})}
    >
      <header className="modal-head">
        <h2>
          <PlainText text={plainTextOf(view['title'])} />
        </h2>
        <button type="button" className="icon-button" data-role="modal-close" aria-label="Close">
          ✕
        </button>
      </header>
      <div className="modal-body">
        <BlockList blocks={records(view['blocks'])} context={context} role="input" />
        <div className="input-error" data-role="modal-error" role="alert">
          {homelessErrors(open).join(' ')}
        </div>
      </div>
      <footer className="modal-foot">
        <button type="button" className="button" data-role="modal-close">
          {plainTextOf(view['close']) || 'Cancel'}
        </button>
        {submit === '' ? null : (
          <button type="submit" className="button button-primary" data-role="modal-submit">
            {submit}
          </button>
        )}
      </footer>
    </form>
  );
}
