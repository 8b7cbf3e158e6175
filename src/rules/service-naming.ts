/** How the names that people use for services relate to those of the tracing backend. */
export interface ServiceNaming {
  /** What a name stands for. The names are in lower case. */
  readonly aliases: ReadonlyMap<string, string>;
  /** The one that is meant when a service is in several; Istio names services `<app>.<namespace>`. */
  readonly namespace?: string;
}

/** Every service is called by its own name. */
export const NO_NAMING: ServiceNaming = { aliases: new Map() };
