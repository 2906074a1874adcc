/**
 * What a document may cost. Before it runs: nesting, aliases and the number of objects that it could be about at most, as the
 * sizes of nested pages multiply. While it runs: the rows that its lists really hold, which are far fewer for honest clients.
 */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { AppError } from '../../kernel/errors.ts';
import { DEFAULT_PAGE, MAX_PAGE } from './connection.ts';

export const MAX_TOKENS = 15_000;
const MAX_DEPTH = 20;
const MAX_ALIASES = 1_000;
/** The largest that a known client sends (users, their groups, the resources of those, and their networks) is 4,030,400. */
const MAX_COST = 5_000_000;
const MAX_ROWS = 200_000;

/** Counts the rows of an answer's lists; throws `too_large` when there are too many. */
export function createRowBudget(): (rows: number) => void {
  let left = MAX_ROWS;
  return (rows) => {
    left -= rows;
    if (left < 0) {
      throw new AppError('too_large', `the answer exceeds ${MAX_ROWS} objects: ask for smaller pages`);
    }
  };
}

interface Measure {
  readonly cost: number;
  readonly depth: number;
  readonly aliases: number;
}

type Variables = Readonly<Record<string, unknown>>;

/** What is not given has the value that the document gives it. Of these only numbers are of interest here. */
function withDefaults({ variableDefinitions = [] }: OperationDefinitionNode, given: Variables): Variables {
  const defaults = variableDefinitions.flatMap(({ variable, defaultValue }) =>
    defaultValue?.kind === Kind.INT ? [[variable.name.value, Number(defaultValue.value)] as const] : [],
  );
  return { ...Object.fromEntries(defaults), ...given };
}

function pageSize(field: FieldNode, variables: Variables): number {
  const sizes = (field.arguments ?? []).flatMap(({ name, value }) => {
    if (name.value !== 'first' && name.value !== 'last') return [];
    if (value.kind === Kind.INT) return [Number(value.value)];
    const given = value.kind === Kind.VARIABLE ? variables[value.name.value] : undefined;
    return typeof given === 'number' ? [given] : [];
  });
  return sizes.length === 0 ? DEFAULT_PAGE : Math.min(MAX_PAGE, Math.max(1, ...sizes));
}

/** Throws `too_large`, naming the limit. The document must be valid: its fragments do not go round in circles. */
export function checkLimits(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  given: Variables,
): void {
  const variables = withDefaults(operation, given);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions) {
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  }
  // Each fragment is measured once: spread in spread would otherwise cost more to measure than to run.
  const measured = new Map<string, Measure>();

  const measureField = (field: FieldNode, parent: GraphQLNamedType | undefined): Measure => {
    const aliases = field.alias === undefined ? 0 : 1;
    const definition =
      isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[field.name.value] : undefined;
    // Introspection has a depth limit of its own among the validation rules.
    if (field.selectionSet === undefined || definition === undefined) return { cost: 0, depth: 1, aliases };
    const type = getNamedType(definition.type);
    const inner = measure(field.selectionSet, type);
    const times = type.name.endsWith('Connection') ? pageSize(field, variables) : 1;
    return { cost: times * (1 + inner.cost), depth: 1 + inner.depth, aliases: aliases + inner.aliases };
  };

  const fragmentMeasure = (name: string): Measure => {
    let known = measured.get(name);
    if (known === undefined) {
      const fragment = fragments.get(name);
      known =
        fragment === undefined
          ? { cost: 0, depth: 0, aliases: 0 }
          : measure(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value));
      measured.set(name, known);
    }
    return known;
  };

  function measure(selections: SelectionSetNode, parent: GraphQLNamedType | undefined): Measure {
    let [cost, depth, aliases] = [0, 0, 0];
    for (const selection of selections.selections) {
      let part: Measure;
      if (selection.kind === Kind.FIELD) part = measureField(selection, parent);
      else if (selection.kind === Kind.FRAGMENT_SPREAD) part = fragmentMeasure(selection.name.value);
      else {
        const condition = selection.typeCondition?.name.value;
        part = measure(selection.selectionSet, condition === undefined ? parent : schema.getType(condition));
      }
      cost += part.cost;
      depth = Math.max(depth, part.depth);
      aliases += part.aliases;
    }
    return { cost, depth, aliases };
  }

  const root = schema.getRootType(operation.operation) ?? undefined;
  const total = measure(operation.selectionSet, root);
  const check = (value: number, limit: number, what: string): void => {
    if (value > limit) throw new AppError('too_large', `the document exceeds the limit of ${limit} ${what}`);
  };
  check(total.depth, MAX_DEPTH, 'levels of nesting');
  check(total.aliases, MAX_ALIASES, 'aliases');
  check(total.cost, MAX_COST, 'objects: ask for smaller pages or fewer levels');
}
