import type { ReactNode } from 'react';
import type { RenderContext } from '../context.ts';
import { RichText } from '../text/rich-text.tsx';
import { PlainText, TextObject } from '../text/text-view.tsx';
import { numberOf, plainTextOf, record, records, safeImage, stringOf, textOf, type Wire } from '../wire.ts';
import { ChartBlock } from './chart.tsx';
import type { ControlRole } from './choices.tsx';
import { ElementView, ImageElement } from './elements.tsx';
import { InputBlock } from './input-block.tsx';
import { LibraryBlock } from './library-block.tsx';
import { DataTableBlock, TableBlock } from './table.tsx';

interface BlockProps {
  readonly block: Wire;
  readonly context: RenderContext;
  /** What controls do: act at once in a message, wait for the submit in a modal. */
  readonly role: ControlRole;
}

const blockIdOf = (block: Wire): string => stringOf(block['block_id']);

function Section({ block, context, role }: BlockProps): ReactNode {
  const fields = records(block['fields']);
  return (
    <div className="section">
      <div className="section-body">
        {block['text'] === undefined ? null : <TextObject value={block['text']} context={context} />}
        {fields.length === 0 ? null : (
          <div className="section-fields">
            {fields.map((field, index) => (
              <div key={index} className="section-field">
                <TextObject value={field} context={context} />
              </div>
            ))}
          </div>
        )}
      </div>
      {block['accessory'] === undefined ? null : (
        <div className="section-accessory">
          <ElementView
            element={record(block['accessory'])}
            blockId={blockIdOf(block)}
            role={role}
            context={context}
          />
        </div>
      )}
    </div>
  );
}

function Elements({ block, context, role }: BlockProps): ReactNode {
  return records(block['elements']).map((element, index) => (
    <ElementView key={index} element={element} blockId={blockIdOf(block)} role={role} context={context} />
  ));
}

function ImageBlock({ block, context }: BlockProps): ReactNode {
  const title = plainTextOf(block['title']);
  const file = block['slack_file'];
  const source = file === undefined ? safeImage(block['image_url']) : context.picture(record(file));
  const alt = stringOf(block['alt_text']);
  return (
    <figure className="image-block">
      {title === '' ? null : (
        <figcaption>
          <PlainText text={title} />
        </figcaption>
      )}
      {source === undefined ? (
        <span className="muted">{file === undefined ? alt : 'This picture was not shared with you.'}</span>
      ) : (
        <img src={source} alt={alt} />
      )}
    </figure>
  );
}

/** A shared file that is no picture: its name, its size, and a link that downloads it. */
function FileBlock({ block, context }: BlockProps): ReactNode {
  const name = plainTextOf(block['title']);
  const size = numberOf(block['size']) ?? 0;
  const href = context.picture(record(block['slack_file']));
  return (
    <div className="file-block">
      <strong>{name}</strong> <span className="muted">{sizeText(size)}</span>{' '}
      {href === undefined ? (
        <span className="muted">This file was not shared with you.</span>
      ) : (
        <a href={href} download={name}>
          Download
        </a>
      )}
    </div>
  );
}

const sizeText = (bytes: number): string =>
  bytes < 1_024
    ? `${bytes} B`
    : bytes < 1_048_576
      ? `${(bytes / 1_024).toFixed(1)} kB`
      : `${(bytes / 1_048_576).toFixed(1)} MB`;

function Card({ block, context, role }: BlockProps): ReactNode {
  const text = (name: string): ReactNode =>
    block[name] === undefined ? null : (
      <div className={`card-${name}`}>
        <TextObject value={block[name]} context={context} />
      </div>
    );
  return (
    <article className="card">
      {block['hero_image'] === undefined ? null : <ImageElement element={record(block['hero_image'])} />}
      {text('title')}
      {text('subtitle')}
      {text('body')}
      <div className="actions">
        <Elements block={{ ...block, elements: block['actions'] }} context={context} role={role} />
      </div>
    </article>
  );
}

function Container({ block, context, role }: BlockProps): ReactNode {
  const title =
    block['rich_text_title'] === undefined ? (
      <PlainText text={plainTextOf(block['title'])} />
    ) : (
      <RichText block={record(block['rich_text_title'])} context={context} />
    );
  const subtitle =
    block['subtitle'] === undefined ? null : <TextObject value={block['subtitle']} context={context} />;
  const children = <BlockList blocks={records(block['child_blocks'])} context={context} role={role} />;
  if (block['is_collapsible'] !== true) {
    return (
      <section className="container">
        <div className="container-title">{title}</div>
        {subtitle}
        {children}
      </section>
    );
  }
  return (
    <details className="container" open={block['default_collapsed'] !== true}>
      <summary className="container-title">{title}</summary>
      {subtitle}
      {children}
    </details>
  );
}

function Chart(props: BlockProps): ReactNode {
  const type = record(props.block['chart'])['type'];
  return type === 'pie' ? <LibraryBlock {...props} /> : <ChartBlock block={props.block} />;
}

/**
 * Blocks that are drawn here rather than by slack-blocks-to-jsx, which drops unknown blocks and text in angle brackets, reads styles
 * into `2*3*4`, has no data tables, and cannot pass the name of a button to the browser script.
 */
const OWN: Readonly<Record<string, (props: BlockProps) => ReactNode>> = {
  header: ({ block }) => (
    <h3 className="header-block">
      <PlainText text={plainTextOf(block['text'])} />
    </h3>
  ),
  section: Section,
  divider: () => <hr />,
  context: (props) => (
    <div className="context">
      <Elements {...props} />
    </div>
  ),
  actions: (props) => (
    <div className="actions">
      <Elements {...props} />
    </div>
  ),
  image: ImageBlock,
  file: FileBlock,
  input: InputBlock,
  rich_text: RichText,
  table: TableBlock,
  data_table: DataTableBlock,
  data_visualization: Chart,
  card: Card,
  carousel: ({ block, context, role }) => (
    <div className="carousel">
      {records(block['elements']).map((card, index) => (
        <Card key={index} block={card} context={context} role={role} />
      ))}
    </div>
  ),
  container: Container,
};

const LIBRARY: ReadonlySet<string> = new Set([
  'markdown',
  'alert',
  'video',
  'plan',
  'task_card',
  'file',
  'context_actions',
]);

function BlockView(props: BlockProps): ReactNode {
  const type = stringOf(props.block['type']);
  const Own = Object.hasOwn(OWN, type) ? OWN[type] : undefined;
  if (Own !== undefined) return <Own {...props} />;
  if (LIBRARY.has(type)) return <LibraryBlock {...props} />;
  return (
    <div className="unsupported">
      This page cannot show a block of type <code>{type || '(none)'}</code>.
    </div>
  );
}

/** Blocks from top to bottom, each findable by its type and `block_id`. */
export function BlockList({
  blocks,
  context,
  role,
}: {
  blocks: readonly Wire[];
  context: RenderContext;
  role: ControlRole;
}): ReactNode {
  return blocks.map((block, index) => (
    <div
      key={index}
      className={`block block-${stringOf(block['type']).replaceAll('_', '-')}`}
      data-block-type={stringOf(block['type'])}
      data-block-id={textOf(block['block_id'])}
    >
      <BlockView block={block} context={context} role={role} />
    </div>
  ));
}
