/**
 * The rules of access edges, kept up to date one by one: an organization has tens of thousands of edges, and they come and
 * go all day. What else is compiled (the file, roles, networks, groups) is compiled as a whole.
 */
import { compileEdge } from '../compile/networks.ts';
import type { SourceSpec, UnitSpec } from '../compile/unit.ts';
import type { ResourceInput } from '../world.ts';
import type { Atom } from './atoms.ts';
import { type EditableProgram, exitAtom, resolverAtom } from './program.ts';
import type { SlotTable } from './slots.ts';
import type { Touched } from './touch.ts';
import type { WorldState } from './world-state.ts';

/** Atoms of rules that went stay until everything is compiled anew, which so many changes bring about at the latest. */
const MAX_EDITS = 4_096;

export interface Edited {
  /** Those whose rules are others now. */
  readonly atoms: ReadonlySet<Atom>;
  /** Of the rules that came. */
  readonly sources: readonly SourceSpec[];
}

export interface NetworkRules {
  edgeRank(edge: number): number;
  /** Edges of a resource. */
  edgesOf(resource: number): Iterable<number>;
  /** After everything has been compiled anew. */
  take(program: EditableProgram): void;
  /** Follows edges that came and went, also when everything is about to be compiled anew. */
  note(edges: Touched['edges']): void;
  /**
   * Brings the rules of touched edges and resources up to date; undefined when everything has to be compiled anew.
   */
  edit(touched: Touched): Edited | undefined;
}

export function createNetworkRules(world: WorldState, netSlots: SlotTable): NetworkRules {
  const ranks = new Map<number, number>();
  const byResource = new Map<number, Set<number>>();
  const slots = new Map<number, number>();
  let lastRank = 0;
  let edits = 0;
  let editable: EditableProgram | undefined;

  const link = (edge: number, resource: number): void => {
    byResource.set(resource, (byResource.get(resource) ?? new Set<number>()).add(edge));
  };
  const unlink = (edge: number, resource: number): void => {
    const edges = byResource.get(resource);
    edges?.delete(edge);
    if (edges?.size === 0) byResource.delete(resource);
  };
  for (const { id, resource } of world.edges.values()) {
    ranks.set(id, ++lastRank);
    link(id, resource);
  }

  return {
    edgeRank: (edge) => ranks.get(edge) ?? 0,
    edgesOf: (resource) => byResource.get(resource) ?? [],
    take: (program) => {
      editable = program;
      edits = 0;
      slots.clear();
      for (const { slot, spec } of program.program.units.values())
        if (spec.origin.kind === 'edge') slots.set(spec.origin.edge, slot);
    },
    note: (edges) => {
      for (const [id, before] of edges) {
        const after = world.edges.get(id);
        if (before !== undefined) unlink(id, before.resource);
        if (after === undefined) ranks.delete(id);
        else {
          link(id, after.resource);
          if (!ranks.has(id)) ranks.set(id, ++lastRank);
        }
      }
    },
    edit: ({ edges, resources }) => {
      const concerned = new Set(edges.keys());
      for (const id of resources.keys()) for (const edge of byResource.get(id) ?? []) concerned.add(edge);
      edits += concerned.size;
      if (editable === undefined || edits > MAX_EDITS) return undefined;
      const { program } = editable;
      const freed: number[] = [];
      const added = [];
      for (const id of concerned) {
        const edge = world.edges.get(id);
        const spec = edge === undefined ? undefined : compileEdge(world, edge);
        const slot = slots.get(id);
        const before = slot === undefined ? undefined : program.units.get(slot)?.spec;
        if (before?.key === spec?.key && resourceOf(before) === resourceOf(spec)) continue;
        if (slot !== undefined) freed.push(slot);
        if (spec !== undefined) added.push({ id, spec });
        slots.delete(id);
      }
      const given = netSlots.edit(
        freed,
        added.map(({ spec }) => spec.key),
      );
      const atoms = new Set<Atom>();
      const touch = (atom: Atom): void => void atoms.add(atom);
      for (const slot of freed) editable.remove(slot, touch);
      for (const [i, { id, spec }] of added.entries()) {
        const slot = given[i];
        if (slot === undefined || !editable.holds(slot)) return undefined;
        editable.add(spec, slot, touch);
        slots.set(id, slot);
      }
      return { atoms, sources: added.map(({ spec }) => spec.source) };
    },
  };
}

const resourceOf = (spec: UnitSpec | undefined): number | undefined =>
  spec?.origin.kind === 'edge' ? spec.origin.resource : undefined;

/** The networks whose gateways may carry other prefixes because of touched edges and resources. */
export function networksOf({ resources, edges }: WorldState, touched: Touched): Set<number> {
  const out = new Set<number>();
  const note = (resource: ResourceInput | undefined): void => {
    if (resource !== undefined) out.add(resource.network);
  };
  for (const [id, before] of touched.resources) for (const one of [before, resources.get(id)]) note(one);
  for (const [id, before] of touched.edges) {
    for (const edge of [before, edges.get(id)]) if (edge !== undefined) note(resources.get(edge.resource));
  }
  return out;
}

const GROUP = 'group-id:';
const MEMBERSHIP = 'membership:';
const SERVICE_ACCOUNT = 'service-account:';

export interface Holders {
  readonly world: WorldState;
  /** Untagged devices of a user. */
  devicesOfUser(user: number): Iterable<number>;
}

/** Devices that match an atom of an edge's rule; those that settled since there is the atom are known to it. */
export function* matchingDevices({ world, devicesOfUser }: Holders, atom: Atom): Generator<number> {
  const { key, devices } = atom;
  yield* devices;
  const [group, member, account] = [GROUP, MEMBERSHIP, SERVICE_ACCOUNT].map((prefix) =>
    key.startsWith(prefix) ? Number(key.slice(prefix.length)) : undefined,
  );
  if ((group ?? member ?? account) === undefined) yield* gatewaysOf(world, atom);
  else if (devices.size > 0) return;
  else if (member !== undefined) yield* devicesOfUser(member);
  else if (group !== undefined) {
    for (const user of world.groups.get(group)?.members ?? []) yield* devicesOfUser(user);
  } else {
    for (const { id, owner } of world.devices.values())
      if (owner.kind === 'service-account' && owner.id === account) yield id;
  }
}

/** The gateways of the network that a destination is in. */
function* gatewaysOf(world: WorldState, atom: Atom): Generator<number> {
  for (const { network, device } of world.gateways.values()) {
    const isOf =
      'network' in atom
        ? atom.network === network
        : [resolverAtom(network), exitAtom(network)].includes(atom.key);
    if (isOf && device !== undefined) yield device;
  }
}
