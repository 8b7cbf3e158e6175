import { describe, expect, it } from 'vitest';
import { loadRuleFiles } from '../../../../src/rules/file/rule-file.ts';
import type { ServiceNaming } from '../../../../src/rules/file/service-names.ts';

/** Reads files given by their texts. */
async function load(...texts: readonly string[]) {
  const files = new Map(texts.map((text, index) => [`${index + 1}.yaml`, text]));
  return loadRuleFiles([...files.keys()], async (path) => files.get(path) ?? '');
}

async function namingOf(...texts: readonly string[]): Promise<ServiceNaming> {
  const loaded = await load(...texts);
  expect(loaded).toMatchObject({ ok: true });
  return loaded.naming;
}

async function errorsIn(...texts: readonly string[]): Promise<readonly string[]> {
  const loaded = await load(...texts);
  if (loaded.ok) return [];
  return loaded.errors.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`);
}

describe('service names in rule files', () => {
  it('are empty by default', async () => {
    expect(await namingOf('groups: []')).toEqual({ aliases: new Map() });
    expect(await namingOf('services:\n  aliases:\n')).toEqual({ aliases: new Map() });
  });

  it('are aliases, case-insensitive, and a namespace', async () => {
    const text = 'services:\n  namespace: shop\n  aliases:\n    Cart: checkout.shop\n    pay: payments\n';
    expect(await namingOf(text)).toEqual({
      aliases: new Map([
        ['cart', 'checkout.shop'],
        ['pay', 'payments'],
      ]),
      namespace: 'shop',
    });
  });

  it('are read from all documents and files; the same alias twice is allowed', async () => {
    const one = 'groups: []\n---\nservices:\n  aliases: { cart: checkout.shop }\n';
    const other = 'services:\n  namespace: shop\n  aliases: { cart: checkout.shop, pay: payments }\n';
    expect((await namingOf(one, other)).aliases.size).toBe(2);
  });

  const cases: Readonly<Record<string, { texts: readonly string[]; errors: readonly string[] }>> = {
    'an unknown key': {
      texts: ['services:\n  alias: { cart: checkout.shop }\n'],
      errors: ['1.yaml:2:3 unknown key `alias`: did you mean `aliases`?'],
    },
    'a service with a blank': {
      texts: ['services:\n  aliases:\n    cart: check out\n'],
      errors: [
        '1.yaml:3:11 invalid `aliases.cart`: found "check out", expected a service name without blanks.',
      ],
    },
    'a name with a blank': {
      texts: ['services:\n  aliases:\n    my cart: checkout\n'],
      errors: [
        '1.yaml:3:5 invalid `aliases.my cart`: expected an alias without blanks, at which commands end a name.',
      ],
    },
    'an alias of itself': {
      texts: ['services:\n  aliases:\n    cart: Cart\n'],
      errors: ['1.yaml:3:5 invalid `aliases.cart`: an alias of itself. Remove it.'],
    },
    'a namespace that Kubernetes rejects': {
      texts: ['services:\n  namespace: Shop_1\n'],
      errors: ['1.yaml:2:14 invalid `namespace`: found "Shop_1", expected a Kubernetes namespace like shop.'],
    },
    'an alias of two services, in two files': {
      texts: [
        'services:\n  aliases: { cart: checkout.shop }\n',
        'services:\n  aliases:\n    CART: basket.shop\n',
      ],
      errors: [
        '2.yaml:3:11 conflicting alias `cart`: found `basket.shop`, but it is `checkout.shop` at 1.yaml:2.',
      ],
    },
    'two namespaces': {
      texts: ['services: { namespace: shop }\n---\nservices: { namespace: staging }\n'],
      errors: [
        '1.yaml:3:24 conflicting `services.namespace`: found `staging`, but it is `shop` at 1.yaml:1.',
      ],
    },
  };
  it.each(Object.entries(cases))('%s is an error with its location', async (_, { texts, errors }) => {
    expect(await errorsIn(...texts)).toEqual(errors);
  });
});
