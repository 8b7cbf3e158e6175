import { describe, expect, it } from 'vitest';
import { loadRuleFiles } from '../../../../src/rules/file/rule-file.ts';
import type { ServiceNaming } from '../../../../src/rules/service-naming.ts';

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

async function mistakesOf(...texts: readonly string[]): Promise<readonly string[]> {
  const loaded = await load(...texts);
  if (loaded.ok) return [];
  return loaded.errors.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`);
}

describe('what a rule file says about names of services', () => {
  it('is nothing when it says nothing', async () => {
    expect(await namingOf('groups: []')).toEqual({ aliases: new Map() });
    expect(await namingOf('services:\n  aliases:\n')).toEqual({ aliases: new Map() });
  });

  it('is aliases, without regard to case, and a namespace', async () => {
    const text = 'services:\n  namespace: shop\n  aliases:\n    Cart: checkout.shop\n    pay: payments\n';
    expect(await namingOf(text)).toEqual({
      aliases: new Map([
        ['cart', 'checkout.shop'],
        ['pay', 'payments'],
      ]),
      namespace: 'shop',
    });
  });

  it('is gathered from all documents and files; the same twice is no contradiction', async () => {
    const one = 'groups: []\n---\nservices:\n  aliases: { cart: checkout.shop }\n';
    const other = 'services:\n  namespace: shop\n  aliases: { cart: checkout.shop, pay: payments }\n';
    expect((await namingOf(one, other)).aliases.size).toBe(2);
  });

  const cases: Readonly<Record<string, { texts: readonly string[]; mistakes: readonly string[] }>> = {
    'a key that is none': {
      texts: ['services:\n  alias: { cart: checkout.shop }\n'],
      mistakes: ['1.yaml:2:3 `alias` is not a key that is known here; did you mean `aliases`?'],
    },
    'a service with a blank': {
      texts: ['services:\n  aliases:\n    cart: check out\n'],
      mistakes: ['1.yaml:3:11 `aliases.cart` is "check out": write the name of a service, without blanks.'],
    },
    'a name with a blank': {
      texts: ['services:\n  aliases:\n    my cart: checkout\n'],
      mistakes: ['1.yaml:3:5 `aliases.my cart` is a name with blanks: a command ends a name at a blank.'],
    },
    'an alias of itself': {
      texts: ['services:\n  aliases:\n    cart: Cart\n'],
      mistakes: ['1.yaml:3:5 `aliases.cart` stands for itself: remove it.'],
    },
    'a namespace that Kubernetes does not take': {
      texts: ['services:\n  namespace: Shop_1\n'],
      mistakes: ['1.yaml:2:14 `namespace` is "Shop_1": write the name of a Kubernetes namespace, like shop.'],
    },
    'an alias of two services, in two files': {
      texts: [
        'services:\n  aliases: { cart: checkout.shop }\n',
        'services:\n  aliases:\n    CART: basket.shop\n',
      ],
      mistakes: ['2.yaml:3:11 the alias `cart` stands for `checkout.shop` already, in 1.yaml, line 2.'],
    },
    'two namespaces': {
      texts: ['services: { namespace: shop }\n---\nservices: { namespace: staging }\n'],
      mistakes: ['1.yaml:3:24 `services.namespace` stands for `shop` already, in 1.yaml, line 1.'],
    },
  };
  it.each(Object.entries(cases))('%s is a mistake at its place', async (_, { texts, mistakes }) => {
    expect(await mistakesOf(...texts)).toEqual(mistakes);
  });
});
