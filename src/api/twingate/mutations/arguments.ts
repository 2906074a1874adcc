/** Arguments of mutations: absent and null are told apart only where the contract does. */

import type { ListChange } from '../../../domain/directory/missing.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Args } from '../context.ts';
import { decodeGlobalId, type IdType } from '../global-id.ts';

/** What the audit trail says of changes that come from here. */
export const ORIGIN = 'twingate-api';

/** The answer to an id that leads nowhere; clients look for its last three words. */
const doesNotExist = (type: IdType, id: string): AppError =>
  new AppError('not_found', `${type} with id '${id}' does not exist`);

const given = (args: Args, name: string): unknown => args[name] ?? undefined;

export const textOf = (args: Args, name: string): string | undefined => {
  const value = given(args, name);
  return value === undefined ? undefined : String(value);
};
export const flagOf = (args: Args, name: string): boolean | undefined => {
  const value = given(args, name);
  return typeof value === 'boolean' ? value : undefined;
};
export const numberOf = (args: Args, name: string): number | undefined => {
  const value = given(args, name);
  return typeof value === 'number' ? value : undefined;
};

export const textsOf = (args: Args, name: string): string[] | undefined => {
  const value = given(args, name);
  return Array.isArray(value) ? value.map(String) : undefined;
};
/** The members of an input object; undefined when none is given. */
export const inputOf = (value: unknown): Args | undefined =>
  typeof value === 'object' && value !== null ? (value as Args) : undefined;

function decode(type: IdType, value: unknown): number {
  const id = decodeGlobalId(type, value);
  if (id === undefined) throw doesNotExist(type, String(value));
  return id;
}

export const idOf = (args: Args, name: string, type: IdType): number => decode(type, args[name]);
/** An empty id stands for none. */
export const optionalIdOf = (args: Args, name: string, type: IdType): number | undefined => {
  const value = given(args, name);
  return value === undefined || value === '' ? undefined : decode(type, value);
};
export const idsOf = (args: Args, name: string, type: IdType): number[] | undefined => {
  const value = given(args, name);
  if (!Array.isArray(value)) return undefined;
  return value.filter((one) => one !== null).map((one) => decode(type, one));
};

/** `userIds` replaces, `addedUserIds` and `removedUserIds` change; undefined when none of them is given. */
export function listChangeOf(args: Args, noun: string, type: IdType): ListChange | undefined {
  const plural = `${noun.charAt(0).toLowerCase()}${noun.slice(1)}Ids`;
  const set = idsOf(args, plural, type);
  const add = idsOf(args, `added${noun}Ids`, type);
  const remove = idsOf(args, `removed${noun}Ids`, type);
  if (set === undefined && add === undefined && remove === undefined) return undefined;
  return {
    ...(set === undefined ? {} : { set }),
    ...(add === undefined ? {} : { add }),
    ...(remove === undefined ? {} : { remove }),
  };
}

/** Leaves out what is undefined, for optional properties. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
