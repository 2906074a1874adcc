import { compileAttrs, compileRules, compileSsh } from '../compile/file.ts';
import { compileNetworks } from '../compile/networks.ts';
import type { Names } from '../compile/selectors.ts';
import type { Atom } from './atoms.ts';
import type { DeviceState, RouteInfo } from './device-state.ts';
import { createNetworkRules, matchingDevices, networksOf } from './network-rules.ts';
import { createProfileTable, type ProfileTable } from './profiles.ts';
import { buildProgram, type Program } from './program.ts';
import { createRegions, type Regions } from './regions.ts';
import { createSlotTable, type SlotTable } from './slots.ts';
import { createSourceTexts, type SourceTexts } from './source-texts.ts';
import { createSshTally } from './ssh-tally.ts';
import type { Touched } from './touch.ts';
import { traitsOf } from './traits.ts';
import { createWildTracker, type WildTracker } from './wild.ts';
import {
  basicsOf,
  groupsByUser,
  indexWorld,
  resourceRoutes,
  serviceAddresses,
  type WorldIndex,
  type WorldState,
} from './world-state.ts';

/** How one device was and is. Either side is missing when it came or went. */
export interface Delta {
  readonly id: number;
  readonly before: DeviceState | undefined;
  readonly after: DeviceState | undefined;
}

/**
 * The engine's state: the program, and each device settled into a profile. It recomputes exactly what it is told to;
 * what a change touches is decided in touch.ts, what that did to the outputs in effects.ts.
 */
export interface Core {
  readonly world: WorldState;
  index(): WorldIndex;
  program(): Program;
  profiles(): ProfileTable;
  readonly sources: SourceTexts;
  readonly wild: WildTracker;
  readonly regions: Regions;
  readonly devices: ReadonlyMap<number, DeviceState>;
  /** Untagged devices of a user. */
  devicesOfUser(user: number): readonly DeviceState[];
  /** How much of a user's own devices each SSH rule between them takes in, as one comparable text. */
  ownSsh(user: number): string;
  /** Names as the compiler resolves them. */
  readonly names: Names;
  readonly slots: { readonly net: SlotTable; readonly ssh: SlotTable };
  /** Whether the file's wildcards cover resources. */
  asFile(): boolean;
  /** Refreshes the index of who is in which group. */
  reindex(): void;
  /** Follows edges that came and went; comes before `edit` and `recompile`. */
  noteEdges(edges: Touched['edges']): void;
  /**
   * Changes the rules of single edges and resources; gives the devices that have to settle, or undefined when everything
   * has to be compiled anew.
   */
  edit(touched: Touched): ReadonlySet<number> | undefined;
  /** Compiles all rules anew; every device has to settle afterwards. */
  recompile(): void;
  /** Brings one device up to date. */
  settle(id: number): Delta;
}

export function createCore(world: WorldState, like?: Core): Core {
  const netSlots = like?.slots.net.copy() ?? createSlotTable();
  const sshSlots = like?.slots.ssh.copy() ?? createSlotTable();
  const devices = new Map<number, DeviceState>();
  const atomsOf = new Map<number, readonly Atom[]>();
  const byUser = new Map<number, Set<number>>();
  const sshTally = createSshTally();
  const wild = createWildTracker();
  const regions = createRegions();

  const names: Names = {
    get policy() {
      return world.policy;
    },
    service: (name) => serviceAddresses(world, name),
  };
  const rules = createNetworkRules(world, netSlots);
  let index = indexWorld(world, rules);
  let program = compile();
  let profiles = newProfiles();
  const sources = createSourceTexts({
    program: () => program,
    device: (id) => devices.get(id),
    devices: () => devices.values(),
    wild: () => wild.current(),
  });

  function compile(): Program {
    const networks = compileNetworks({ ...world, manualRoutes });
    const built = buildProgram({
      units: [...compileRules(names), ...networks],
      edgeRank: rules.edgeRank,
      ssh: compileSsh(names),
      attrs: compileAttrs(names),
      netSlots,
      sshSlots,
    });
    rules.take(built);
    return built.program;
  }

  /** Brings what the gateways of networks carry for resources up to date; gives the gateways that carry something else. */
  function reroute(networks: ReadonlySet<number>): number[] {
    const fresh = resourceRoutes(world, rules, networks);
    const textOf = (routes: readonly RouteInfo[] = []): string => routes.map(({ text }) => text).join();
    const moved = new Set(
      [...networks].filter((id) => textOf(fresh.get(id)) !== textOf(index.resourceRoutes.get(id))),
    );
    if (moved.size === 0) return [];
    const all = new Map(index.resourceRoutes);
    for (const id of moved) all.set(id, fresh.get(id) ?? []);
    index = { ...index, resourceRoutes: all };
    return [...world.gateways.values()].flatMap(({ network, device }) =>
      moved.has(network) && device !== undefined ? [device] : [],
    );
  }

  function newProfiles(): ProfileTable {
    return createProfileTable(program, { httpsEnabled: world.settings.httpsEnabled });
  }

  /** Enabled prefixes of a network's gateways; asked for while compiling, so it reads the world, not the devices. */
  function manualRoutes(network: number): string[] {
    const out: string[] = [];
    for (const gateway of world.gateways.values()) {
      const input = gateway.network === network ? world.devices.get(gateway.device ?? 0) : undefined;
      if (input !== undefined)
        out.push(...input.approved.filter((route) => input.advertised.includes(route)));
    }
    return out;
  }

  function leave(state: DeviceState): void {
    profiles.leave(state.profile, state.id);
    sshTally.count(state, -1);
    wild.remove(state);
    regions.remove(state);
    for (const atom of atomsOf.get(state.id) ?? []) atom.devices.delete(state.id);
    atomsOf.delete(state.id);
    if (state.user !== undefined) byUser.get(state.user.id)?.delete(state.id);
    devices.delete(state.id);
  }

  function enter(id: number): DeviceState | undefined {
    const input = world.devices.get(id);
    if (input === undefined) return undefined;
    const basics = basicsOf(world, index, input);
    const traits = traitsOf(program, basics);
    const { principals: _names, ...rest } = basics;
    const state: DeviceState = { ...rest, profile: profiles.of(basics, traits, regions.add(basics)) };
    devices.set(id, state);
    profiles.join(state.profile, id);
    sshTally.count(state, 1);
    wild.add(state);
    // Lists of a rule's devices are of this organization's own: guests have rules of their own (guests.ts).
    const atoms = input.external === undefined ? [...new Set([...traits.src, ...traits.dst])] : [];
    for (const atom of atoms) atom.devices.add(id);
    atomsOf.set(id, atoms);
    if (state.user !== undefined) {
      const own = byUser.get(state.user.id) ?? new Set();
      byUser.set(state.user.id, own.add(id));
    }
    return state;
  }

  return {
    world,
    index: () => index,
    program: () => program,
    profiles: () => profiles,
    sources,
    wild,
    regions,
    devices,
    names,
    slots: { net: netSlots, ssh: sshSlots },
    asFile: () => world.settings.resourceOpening === 'as-file',
    devicesOfUser(user) {
      const out: DeviceState[] = [];
      for (const id of byUser.get(user) ?? []) {
        const state = devices.get(id);
        if (state !== undefined) out.push(state);
      }
      return out;
    },
    ownSsh: (user) => sshTally.shares(program, user),
    reindex() {
      index = { ...index, groupsOfUser: groupsByUser(world) };
    },
    noteEdges: rules.note,
    edit(touched) {
      const edited = rules.edit(touched);
      if (edited === undefined) return undefined;
      const { atoms } = edited;
      // A list that no rule had before was not kept up to date.
      for (const source of edited.sources) sources.forget(source);
      // Another object: what was worked out from the rules is to be worked out again.
      if (atoms.size > 0) program = { ...program };
      const concerned = new Set(reroute(networksOf(world, touched)));
      const holders = { world, devicesOfUser: (user: number) => byUser.get(user) ?? [] };
      for (const atom of atoms) for (const id of matchingDevices(holders, atom)) concerned.add(id);
      for (const id of concerned) {
        const profile = devices.get(id)?.profile;
        if (profile !== undefined) profiles.renew(profile);
      }
      return concerned;
    },
    recompile() {
      index = indexWorld(world, rules);
      program = compile();
      profiles = newProfiles();
      atomsOf.clear();
      sources.forgetAll();
    },
    settle(id) {
      const before = devices.get(id);
      if (before !== undefined) leave(before);
      return { id, before, after: enter(id) };
    },
  };
}
