import type { Operation } from "./operation.ts";

/** The operation of one type. */
export type OperationOf<T extends Operation["type"]> = Extract<Operation, { readonly type: T }>;

/** For each type of operation, what translates it for a target; a site is a node under translation. */
export type Lowerings<Site> = {
  readonly [T in Operation["type"]]: (site: Site, operation: OperationOf<T>) => void;
};

/** Translates one operation by its type's entry. */
export function lower<Site, T extends Operation["type"]>(
  lowerings: Lowerings<Site>,
  operation: OperationOf<T>,
  site: Site,
): void {
  const lowering: (site: Site, operation: OperationOf<T>) => void = lowerings[operation.type as T];
  lowering(site, operation);
}
