import { expect, it } from 'vitest';
import { requestLineOf } from '../../../src/traces/operations.ts';
import type { Attributes, Span } from '../../../src/traces/trace.ts';

const cases: Readonly<Record<string, { attributes: Attributes; line: string }>> = {
  'method and path of an address, without host and parameters': {
    attributes: { 'http.method': 'POST', 'http.url': 'https://u:p@shop.example:8443/checkout?x=1#y' },
    line: 'POST /checkout',
  },
  'numbers, UUIDs and long ids stand for any': {
    attributes: {
      'http.method': 'GET',
      'http.url':
        'http://shop/cart/271/items/e4e8c177-3962-9359-8b6f-1c3a4d5e6f70/4bf92f3577b34da6a3ce929d0e0e4736',
    },
    line: 'GET /cart/{id}/items/{id}/{id}',
  },
  'a route that the framework names counts before the address': {
    attributes: { 'http.request.method': 'GET', 'http.route': '/user/:id', 'url.full': 'http://shop/user/7' },
    line: 'GET /user/:id',
  },
  'the root of a host': { attributes: { 'http.method': 'GET', 'http.url': 'http://shop/' }, line: 'GET /' },
  'a word that happens to be hexadecimal is kept': {
    attributes: { 'url.path': '/facade/decade/deadbeef' },
    line: '/facade/decade/deadbeef',
  },
  'the path as Zipkin has it': {
    attributes: { 'http.method': 'GET', 'http.path': '/cart/17' },
    line: 'GET /cart/{id}',
  },
  'nothing when the span has no attributes': { attributes: {}, line: '' },
};

it.each(Object.entries(cases))('%s', (_, { attributes, line }) => {
  expect(requestLineOf({ attributes } as Span)).toBe(line);
});
