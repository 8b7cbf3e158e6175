/** Log-normal time: the median in milliseconds and the standard deviation of the logarithm. */
export interface Timing {
  readonly medianMs: number;
  readonly sigma: number;
}

/** A call that an operation makes. */
export interface Call {
  readonly service: string;
  readonly operation: string;
  /** The caller goes on without an answer when the call fails. */
  readonly optional?: boolean;
}

/** What a service does for one kind of request: its own work in equal slices around the steps, calls of one step at the same time. */
export interface Operation {
  readonly method: 'GET' | 'POST';
  /** `{id}` is a number that differs from request to request. */
  readonly path: string;
  readonly own: Timing;
  readonly steps: readonly (readonly Call[])[];
}

export interface Statement {
  readonly statement: string;
  readonly time: Timing;
}

export interface GatewayService {
  readonly kind: 'gateway';
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
  readonly operations: Readonly<Record<string, Operation>>;
}

export interface MeshService {
  readonly kind: 'service';
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
  /** The version that each pod runs, in their order; `v1` where it does not say. */
  readonly versions?: readonly string[];
  readonly operations: Readonly<Record<string, Operation>>;
}

/** A store without a sidecar: it is seen only as client spans of those who call it. */
export interface DatabaseService {
  readonly kind: 'database';
  readonly name: string;
  readonly namespace: string;
  /** OpenTelemetry's `db.system`. */
  readonly system: string;
  readonly statements: Readonly<Record<string, Statement>>;
}

export type Service = GatewayService | MeshService | DatabaseService;

/** A way into the mesh: which operation of the gateway, and how often against the other routes. */
export interface Route {
  readonly name: string;
  readonly operation: string;
  readonly weight: number;
}

export interface Topology {
  readonly gateway: string;
  readonly services: readonly Service[];
  readonly routes: readonly Route[];
}

const time = (medianMs: number, sigma: number): Timing => ({ medianMs, sigma });
const call = (service: string, operation: string): Call => ({ service, operation });
const optional = (service: string, operation: string): Call => ({ service, operation, optional: true });

const SESSION = [call('auth', 'session')];

function throughGateway(method: 'GET' | 'POST', path: string, operation: string): Operation {
  return { method, path, own: time(0.25, 0.3), steps: [[call('frontend', operation)]] };
}

const FRONTEND: Readonly<Record<string, Operation>> = {
  home: {
    method: 'GET',
    path: '/',
    own: time(4, 0.35),
    steps: [SESSION, [optional('recommendations', 'list'), call('currency', 'rates')]],
  },
  product: {
    method: 'GET',
    path: '/product/{id}',
    own: time(5, 0.35),
    steps: [
      SESSION,
      [call('inventory', 'stock'), optional('recommendations', 'list')],
      [call('currency', 'convert')],
    ],
  },
  cart: {
    method: 'GET',
    path: '/cart',
    own: time(3.5, 0.35),
    steps: [SESSION, [call('cart', 'get')], [call('currency', 'convert')]],
  },
  checkout: {
    method: 'POST',
    path: '/checkout',
    own: time(4.5, 0.35),
    steps: [SESSION, [call('checkout', 'place')]],
  },
};

const CHECKOUT: Readonly<Record<string, Operation>> = {
  place: {
    method: 'POST',
    path: '/checkout',
    own: time(9, 0.55),
    steps: [
      [call('cart', 'get')],
      [call('inventory', 'reserve'), call('shipping', 'quote')],
      [call('currency', 'convert')],
      [call('payments', 'charge')],
      [optional('cart', 'empty')],
    ],
  },
};

/** A small web shop: a gateway, nine services and two databases. */
export const SHOP: Topology = {
  gateway: 'istio-ingressgateway',
  routes: [
    { name: 'home', operation: 'home', weight: 30 },
    { name: 'product', operation: 'product', weight: 30 },
    { name: 'cart', operation: 'cart', weight: 18 },
    { name: 'checkout', operation: 'checkout', weight: 22 },
  ],
  services: [
    {
      kind: 'gateway',
      name: 'istio-ingressgateway',
      namespace: 'istio-system',
      replicas: 2,
      operations: {
        home: throughGateway('GET', '/', 'home'),
        product: throughGateway('GET', '/product/{id}', 'product'),
        cart: throughGateway('GET', '/cart', 'cart'),
        checkout: throughGateway('POST', '/checkout', 'checkout'),
      },
    },
    { kind: 'service', name: 'frontend', namespace: 'shop', replicas: 3, operations: FRONTEND },
    { kind: 'service', name: 'checkout', namespace: 'shop', replicas: 3, operations: CHECKOUT },
    {
      kind: 'service',
      name: 'cart',
      namespace: 'shop',
      replicas: 2,
      operations: {
        get: { method: 'GET', path: '/cart/{id}', own: time(3, 0.3), steps: [] },
        empty: { method: 'POST', path: '/cart/{id}/empty', own: time(2.5, 0.3), steps: [] },
      },
    },
    {
      kind: 'service',
      name: 'payments',
      namespace: 'shop',
      replicas: 3,
      // A canary: the next version takes a third of the requests.
      versions: ['v1', 'v1', 'v2'],
      operations: {
        charge: {
          method: 'POST',
          path: '/charge',
          own: time(7, 0.5),
          steps: [
            [call('payments-db', 'find-customer')],
            [call('auth', 'verify')],
            [call('payments-db', 'insert-charge')],
          ],
        },
      },
    },
    {
      kind: 'service',
      name: 'inventory',
      namespace: 'shop',
      replicas: 3,
      operations: {
        stock: {
          method: 'GET',
          path: '/stock/{id}',
          own: time(2.5, 0.3),
          steps: [[call('catalog-db', 'select-stock')]],
        },
        reserve: {
          method: 'POST',
          path: '/reserve',
          own: time(3, 0.3),
          steps: [[call('catalog-db', 'select-stock')], [call('catalog-db', 'update-stock')]],
        },
      },
    },
    {
      kind: 'service',
      name: 'shipping',
      namespace: 'shop',
      replicas: 2,
      operations: { quote: { method: 'POST', path: '/quote', own: time(7, 0.45), steps: [] } },
    },
    {
      kind: 'service',
      name: 'currency',
      namespace: 'shop',
      replicas: 2,
      operations: {
        rates: { method: 'GET', path: '/rates', own: time(1.2, 0.3), steps: [] },
        convert: { method: 'POST', path: '/convert', own: time(1.5, 0.3), steps: [] },
      },
    },
    {
      kind: 'service',
      name: 'recommendations',
      namespace: 'shop',
      replicas: 2,
      operations: {
        list: {
          method: 'GET',
          path: '/recommendations',
          own: time(9, 0.4),
          steps: [[call('inventory', 'stock')]],
        },
      },
    },
    {
      kind: 'service',
      name: 'auth',
      namespace: 'shop',
      replicas: 2,
      operations: {
        session: { method: 'GET', path: '/session', own: time(2, 0.3), steps: [] },
        verify: { method: 'POST', path: '/verify', own: time(2.5, 0.3), steps: [] },
      },
    },
    {
      kind: 'database',
      name: 'payments-db',
      namespace: 'shop',
      system: 'postgresql',
      statements: {
        'find-customer': { statement: 'SELECT payments.customers', time: time(2.5, 0.45) },
        'insert-charge': { statement: 'INSERT payments.charges', time: time(6, 0.5) },
      },
    },
    {
      kind: 'database',
      name: 'catalog-db',
      namespace: 'shop',
      system: 'mysql',
      statements: {
        'select-stock': { statement: 'SELECT catalog.stock', time: time(1.8, 0.35) },
        'update-stock': { statement: 'UPDATE catalog.stock', time: time(3.5, 0.35) },
      },
    },
  ],
};
