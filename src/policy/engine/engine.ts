import type { Policy } from '../ast.ts';
import type { SourceSpec } from '../compile/unit.ts';
import { ALLOW_ALL_POLICY } from '../parse/policy.ts';
import { DEFAULT_SETTINGS, type WorldSettings } from '../world.ts';
import { hasBit, isZero, slotsOf } from './bits.ts';
import type { Change, ChangeSet } from './change.ts';
import { type Core, createCore, type Delta } from './core.ts';
import type { DeviceState } from './device-state.ts';
import { effectsOf } from './effects.ts';
import { createFilterBuilder, type FilterBuilder } from './filter.ts';
import { guestsOf, withGuests } from './guests.ts';
import type { PacketFilter, PeerView, SelfView, SshPolicy } from './output.ts';
import type { Profile } from './profile.ts';
import type { Program } from './program.ts';
import { addressTexts, type SourceText } from './source-texts.ts';
import { buildSsh } from './ssh.ts';
import { applyToWorld, newTouched, type Touched } from './touch.ts';
import { type Carriers, createViews } from './views.ts';
import { copyWorld, createWorldState, primaryKey, type WorldState } from './world-state.ts';

export interface PolicyEngine {
  /** Applies one change; tells whose outputs are different now. */
  apply(change: Change): ChangeSet;
  /** Applies several changes as one. */
  applyAll(changes: Iterable<Change>): ChangeSet;
  filter(device: number): PacketFilter;
  ssh(device: number): SshPolicy;
  self(device: number): SelfView;
  sees(viewer: number, peer: number): boolean;
  /** Ids of the devices that a viewer sees, ascending. */
  peers(viewer: number): readonly number[];
  /** How a peer appears to a viewer that sees it. */
  view(viewer: number, peer: number): PeerView;
  /** The prefixes that a viewer gets from a peer. */
  routes(viewer: number, peer: number): readonly string[];
  /** Ids of the resources that access edges and roles open to a device, ascending. */
  opened(device: number): readonly number[];
  /** Devices of equal class see byte-identical views of every third device. Holds until the next change. */
  viewerClass(device: number): number;
  readonly size: number;
  policy(): Policy;
  /** An engine of its own as this one would be after some changes. This one stays as it is. */
  fork(changes: Iterable<Change>): PolicyEngine;
  /** For explain, impact and the test runner: the compiled state. */
  readonly core: Core;
}

export interface EngineOptions {
  readonly settings?: WorldSettings;
  readonly policy?: Policy;
}

const EMPTY_FILTER: PacketFilter = { rules: [] };
const EMPTY_SSH: SshPolicy = { rules: [] };
const NOTHING: SelfView = { allowedIPs: [], primaryRoutes: [], capMap: {} };
const UNSEEN: PeerView = { ...NOTHING, jailed: false };
/** Filters kept for sharing by content; more than this many different ones are forgotten. */
const MAX_SHARED = 4_096;

export function createPolicyEngine(options: EngineOptions = {}): PolicyEngine {
  const world = createWorldState(options.settings ?? DEFAULT_SETTINGS, options.policy ?? ALLOW_ALL_POLICY);
  return engineOf(world, createCore(world));
}

function forkOf(original: Core, changes: Iterable<Change>): PolicyEngine {
  const world = copyWorld(original.world);
  // Written before the first compilation, so that the fork compiles once.
  for (const change of changes) applyToWorld(world, change, newTouched());
  const core = createCore(world, original);
  for (const id of world.devices.keys()) core.settle(id);
  for (const id of core.regions.reordered()) core.settle(id);
  core.wild.refresh(world.settings.edgeOnlyBlocks);
  return engineOf(world, core);
}

function engineOf(world: WorldState, core: Core): PolicyEngine {
  const views = createViews(core);
  const filters = new Map<number, PacketFilter>();
  const sshPolicies = new Map<number, SshPolicy>();
  const sshOfUsers = new Map<number, SshPolicy>();
  const classIds = new WeakMap<object, number>();
  const openedBy = new WeakMap<Profile, readonly number[]>();
  let nextClass = 1;
  const shared = new Map<string, PacketFilter>();
  const builders = new WeakMap<DeviceState, FilterBuilder>();

  /** The devices of one user that are sources of a rule to autogroup:self. */
  function selfSources(source: SourceSpec, user: number): SourceText {
    const devices = core.devicesOfUser(user).filter((device) => device.active && isSource(device, source));
    return core.sources.intern(addressTexts(devices));
  }

  function isSource(device: DeviceState, source: SourceSpec): boolean {
    for (const unit of core.program().units.values()) {
      if (unit.spec.source.key === source.key && unit.spec.reach.kind === 'self') {
        return hasBit(device.profile.self, unit.slot);
      }
    }
    return false;
  }

  function filterOf(state: DeviceState): PacketFilter {
    const input = { program: core.program(), sources: core.sources, asFile: core.asFile(), selfSources };
    let builder = builders.get(state);
    if (builder === undefined) {
      builder = createFilterBuilder(input, state);
      builders.set(state, builder);
    }
    const rules = builder.build();
    const guests = state.profile.audience === undefined ? [] : guestsOf(core, state);
    if (guests.length > 0) return { rules: withGuests(core, state, rules, guests) };
    if (rules.length === 0) return EMPTY_FILTER;
    if (builder.personal) return { rules };
    // Only a filter without the device's own addresses can be equal to another device's.
    const key = builder.key();
    const known = shared.get(key);
    if (known !== undefined) return known;
    if (shared.size >= MAX_SHARED) shared.clear();
    const fresh = { rules };
    shared.set(key, fresh);
    return fresh;
  }

  function applyAll(changes: Iterable<Change>): ChangeSet {
    const touched = newTouched();
    for (const change of changes) applyToWorld(world, change, touched);
    if (touched.edges.size > 0) core.noteEdges(touched.edges);
    if (!touched.recompile && touched.edges.size + touched.resources.size > 0) {
      const concerned = core.edit(touched);
      if (concerned === undefined) touched.recompile = true;
      else for (const id of concerned) touched.devices.add(id);
      // The keys of shared filters name rules by slots, which may be given to others now.
      shared.clear();
    }
    if (touched.recompile) {
      for (const id of [...world.devices.keys(), ...core.devices.keys()]) touched.devices.add(id);
    }
    const ownSshBefore = new Map<number, string>();
    for (const id of touched.devices) {
      const owner = world.devices.get(id)?.owner;
      for (const user of [
        core.devices.get(id)?.user?.id,
        owner?.kind === 'membership' ? owner.id : undefined,
      ]) {
        if (user !== undefined && !ownSshBefore.has(user)) ownSshBefore.set(user, core.ownSsh(user));
      }
    }
    if (touched.recompile) {
      core.recompile();
      shared.clear();
    } else if (touched.reindex) core.reindex();

    const deltas = settleAll(core, touched);
    views.changed();
    const wildChanged = core.wild.refresh(world.settings.edgeOnlyBlocks);
    if (core.program().viaUnits.length > 0) noteMovedRoutes(deltas, touched.routes);

    const before: Carriers = {
      primary: (network, prefix) => {
        const key = primaryKey(network, prefix);
        return touched.primariesBefore.has(key) ? touched.primariesBefore.get(key) : world.primaries.get(key);
      },
      byRegion: core.regions.carrierBefore,
    };
    const effects = effectsOf({
      core,
      deltas,
      routes: touched.routes,
      wildChanged,
      ownSshBefore,
      routesSeen: (viewer, peer) => views.routesSeen(viewer, peer),
      routesSeenBefore: (viewer, peer) => views.routesSeen(viewer, peer, before),
    });
    for (const id of effects.filters) filters.delete(id);
    for (const id of effects.ssh) sshPolicies.delete(id);
    if (effects.ssh.size > 0) sshOfUsers.clear();
    for (const { id, after } of deltas) {
      if (after !== undefined) continue;
      filters.delete(id);
      sshPolicies.delete(id);
      views.forget(id);
    }
    return effects;
  }

  return {
    core,
    apply: (change) => applyAll([change]),
    applyAll,
    filter(id) {
      const state = core.devices.get(id);
      // What reaches a device of others is decided where it belongs.
      if (state?.active !== true || state.input.external !== undefined) return EMPTY_FILTER;
      let filter = filters.get(id);
      if (filter === undefined) {
        filter = filterOf(state);
        filters.set(id, filter);
      }
      return filter;
    },
    ssh(id) {
      const state = core.devices.get(id);
      if (state?.active !== true || state.input.external !== undefined) return EMPTY_SSH;
      // A device that no rule names as destination has only what its owner's own devices share: one object for them all.
      const owner = isZero(state.profile.ssh.dst) ? state.user?.id : undefined;
      let policy = owner === undefined ? sshPolicies.get(id) : sshOfUsers.get(owner);
      if (policy === undefined) {
        const { program, sources } = { program: core.program(), sources: core.sources };
        const rules = buildSsh({ program, sources, devicesOfUser: core.devicesOfUser }, state);
        policy = rules.length === 0 ? EMPTY_SSH : { rules };
        if (owner === undefined) sshPolicies.set(id, policy);
        else sshOfUsers.set(owner, policy);
      }
      return policy;
    },
    self(id) {
      const state = core.devices.get(id);
      return state === undefined ? NOTHING : views.self(state);
    },
    sees(viewer, peer) {
      const [from, to] = [core.devices.get(viewer), core.devices.get(peer)];
      return from !== undefined && to !== undefined && views.sees(from, to);
    },
    peers(viewer) {
      const state = core.devices.get(viewer);
      return state === undefined ? [] : views.peersOf(state);
    },
    view(viewer, peer) {
      const [from, to] = [core.devices.get(viewer), core.devices.get(peer)];
      return from === undefined || to === undefined ? UNSEEN : views.view(from, to);
    },
    routes(viewer, peer) {
      const [from, to] = [core.devices.get(viewer), core.devices.get(peer)];
      return from && to && views.sees(from, to) ? views.routes(from, to) : [];
    },
    opened(id) {
      const profile = core.devices.get(id)?.profile;
      if (profile === undefined) return [];
      let resources = openedBy.get(profile);
      if (resources === undefined) {
        resources = openedTo(core.program(), profile);
        openedBy.set(profile, resources);
      }
      return resources;
    },
    viewerClass(id) {
      const profile = core.devices.get(id)?.profile;
      if (profile === undefined) return 0;
      const known = classIds.get(profile);
      if (known !== undefined) return known;
      classIds.set(profile, nextClass);
      return nextClass++;
    },
    get size() {
      return core.devices.size;
    },
    policy: () => world.policy,
    fork: (changes) => forkOf(core, changes),
  };
}

function openedTo(program: Program, profile: Profile): readonly number[] {
  const found = new Set<number>();
  for (const slot of slotsOf(profile.net.src)) {
    const origin = program.units.get(slot)?.spec.origin;
    if ((origin?.kind === 'edge' || origin?.kind === 'role') && origin.resource !== undefined)
      found.add(origin.resource);
  }
  return [...found].sort((a, b) => a - b);
}

/** Brings what is touched up to date, and what follows from where carriers of routes are now. */
function settleAll(core: Core, touched: Touched): Delta[] {
  const deltas = new Map<number, Delta>();
  const settle = (id: number): void => {
    const delta = core.settle(id);
    deltas.set(id, { ...delta, before: deltas.has(id) ? deltas.get(id)?.before : delta.before });
  };
  core.regions.begin();
  for (const id of touched.devices) settle(id);
  for (const id of core.regions.reordered()) settle(id);
  for (const route of core.regions.moved()) touched.routes.add(route);
  return [...deltas.values()];
}

/** Where rules with `via` exist, a carrier that comes or goes decides about the others too. */
function noteMovedRoutes(deltas: readonly Delta[], routes: Set<string>): void {
  for (const { before, after } of deltas) {
    if (before?.routeKey === after?.routeKey && before?.tags.join() === after?.tags.join()) continue;
    for (const route of [...(before?.routes ?? []), ...(after?.routes ?? [])]) routes.add(route.text);
  }
}
