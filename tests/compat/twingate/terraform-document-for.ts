// Which of the provider's documents goes with an operation's name and variables, declared as the provider declares them.
import { type DocumentNode, Kind, parse, print, type TypeNode, visit } from 'graphql';
import { TERRAFORM_DOCUMENTS } from './terraform-documents.ts';

export type Variables = Readonly<Record<string, unknown>>;

/** Types for which the provider declares a variable as required when it has a value; input objects stay as they are. */
const SCALARS = new Set(['String', 'ID', 'Boolean', 'Int', 'Float']);

/** The document of that name which declares exactly these variables, with the types that go with their values. */
export function documentFor(operation: string, variables: Variables): string {
  const given = Object.keys(variables).sort().join();
  const fits = (document: DocumentNode): boolean => {
    const [definition] = document.definitions;
    if (definition?.kind !== Kind.OPERATION_DEFINITION || definition.name?.value !== operation) return false;
    const declared = definition.variableDefinitions ?? [];
    return (
      declared
        .map(({ variable }) => variable.name.value)
        .sort()
        .join() === given &&
      declared.every(
        ({ variable, type }) =>
          type.kind !== Kind.NON_NULL_TYPE || (variables[variable.name.value] ?? null) !== null,
      )
    );
  };
  const found = TERRAFORM_DOCUMENTS.map((text) => parse(text)).filter(fits);
  const [document] = found;
  if (document === undefined || found.length > 1)
    throw new Error(`${found.length} documents are ${operation}(${given})`);
  return print(
    visit(document, {
      VariableDefinition: (declared) =>
        (variables[declared.variable.name.value] ?? null) === null
          ? undefined
          : { ...declared, type: required(declared.type) },
    }),
  );
}

const required = (type: TypeNode): TypeNode =>
  type.kind === Kind.NAMED_TYPE && SCALARS.has(type.name.value) ? { kind: Kind.NON_NULL_TYPE, type } : type;
