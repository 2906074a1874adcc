import { sha256Hex } from '../../kernel/hash.ts';
import type { Policy } from '../ast.ts';
import type { Condition } from '../posture.ts';
import type { PostureSpec } from './unit.ts';

/** What a posture comes to: its conditions, each once, and a text that is equal for equal conditions. */
interface Conditions {
  readonly key: string;
  readonly list: readonly Condition[];
}

/** What has been made of a policy's postures. Long ones are in the default of thousands of rules, so each is made once. */
interface Made {
  readonly conditions: Map<string, Conditions>;
  readonly specs: Map<readonly string[], PostureSpec>;
}
const madeOf = new WeakMap<Policy, Made>();

/** The conditions of a rule: its own list, or the file's default. */
export function postureSpec(policy: Policy, own: readonly string[] | undefined): PostureSpec | undefined {
  const names = own ?? policy.defaultSrcPosture;
  if (names.length === 0) return undefined;
  const made = madeOf.get(policy) ?? { conditions: new Map(), specs: new Map() };
  madeOf.set(policy, made);
  let spec = made.specs.get(names);
  if (spec === undefined) {
    const all = new Map<string, readonly Condition[]>();
    for (const name of names) {
      const { key, list } = conditionsOf(policy, name, made.conditions);
      all.set(key, list);
    }
    spec = { key: sha256Hex(JSON.stringify([...all.keys()])), anyOf: [...all.values()] };
    made.specs.set(names, spec);
  }
  return spec;
}

function conditionsOf(policy: Policy, name: string, known: Map<string, Conditions>): Conditions {
  let conditions = known.get(name);
  if (conditions === undefined) {
    const all = policy.postures.get(name)?.conditions ?? [];
    const byText = new Map(all.map((condition) => [condition.text, condition]));
    conditions = { key: sha256Hex(JSON.stringify([...byText.keys()])), list: [...byText.values()] };
    known.set(name, conditions);
  }
  return conditions;
}
