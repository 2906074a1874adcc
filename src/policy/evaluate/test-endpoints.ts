import { isEmptySet } from '../../kernel/netip/index.ts';
import type { PolicyTest, SshTest } from '../ast.ts';
import type { Core } from '../engine/core.ts';
import { parseSelector } from '../parse/selector.ts';
import type { Attributes } from '../posture.ts';
import { type Endpoint, endpointOfSelector } from './endpoint.ts';
import { createLookup, type Lookup } from './lookup.ts';

/** The endpoints that tests name, each made once. A text says why a test's source stands for nothing. */
export interface TestEndpoints {
  readonly lookup: Lookup;
  source(test: Pick<PolicyTest | SshTest, 'src' | 'srcPostureAttrs'>): Endpoint | string;
  target(text: string): Endpoint | string;
  /** What a test says of its source. Equal attributes are one object, by which what follows from them is kept. */
  attributes(given: PolicyTest['srcPostureAttrs']): { readonly key: string; readonly attributes: Attributes };
}

export function createTestEndpoints(core: Core): TestEndpoints {
  const lookup = createLookup(core);
  const byText = new Map<string, Endpoint | string>();
  const byAttributes = new Map<string, Attributes>();
  const sources = new Map<string, Endpoint>();

  function target(text: string): Endpoint | string {
    let found = byText.get(text);
    if (found === undefined) {
      found = endpointOfSelector(lookup, parseSelector(text));
      byText.set(text, found);
    }
    return found;
  }

  function attributesOf(given: PolicyTest['srcPostureAttrs']): { key: string; attributes: Attributes } {
    const plain = Object.entries(given ?? {}).filter(
      (entry): entry is [string, string | number | boolean] =>
        typeof entry[1] === 'string' || typeof entry[1] === 'number' || typeof entry[1] === 'boolean',
    );
    const key = JSON.stringify(plain);
    const attributes = byAttributes.get(key) ?? Object.fromEntries(plain);
    byAttributes.set(key, attributes);
    return { key, attributes };
  }

  return {
    lookup,
    target,
    attributes: attributesOf,
    source({ src, srcPostureAttrs }) {
      const found = target(src);
      // A device, or an address, has no attributes but its own.
      if (typeof found === 'string' || found.device !== undefined || !isEmptySet(found.addresses))
        return found;
      const { key, attributes } = attributesOf(srcPostureAttrs);
      const whole = JSON.stringify([src, key]);
      const source = sources.get(whole) ?? { ...found, attributes };
      sources.set(whole, source);
      return source;
    },
  };
}
