import { isAmongDevices } from '../../domain/model/device-blocks.ts';
import {
  type Addr,
  formatPrefix,
  hostPrefix,
  isDefaultRoute,
  masked,
  parseAddr,
  parseAddrOrPrefix,
  type Range,
  rangeOfPrefix,
} from '../../kernel/netip/index.ts';
import type { DeviceInput, UserInput } from '../world.ts';
import type { Profile } from './profile.ts';

/** `manual`: enabled by people or autoApprovers; `resource`: what edges lead to; `service`: a service's address. */
export type RouteLayer = 'manual' | 'resource' | 'service';

export interface RouteInfo {
  readonly text: string;
  readonly range: Range;
  readonly layer: RouteLayer;
  /** Network whose primary election it takes part in; 0 outside of networks. */
  readonly network: number;
  readonly exit: boolean;
}

export interface AddressInfo {
  readonly addr: Addr;
  readonly text: string;
  readonly prefix: string;
}

/** A device as the engine keeps it. Replaced as a whole when anything about it changes. */
export interface DeviceState {
  readonly id: number;
  readonly input: DeviceInput;
  /** In force at all: authorized, and its owner is not suspended. */
  readonly active: boolean;
  readonly addresses: readonly AddressInfo[];
  readonly routes: readonly RouteInfo[];
  /** Whether it offers the internet to whom the file lets there. */
  readonly exit: boolean;
  /** Exit networks for which it offers the internet. */
  readonly exitNetworks: readonly number[];
  readonly wild: boolean;
  readonly tags: readonly string[];
  /** The owner, where the device is a person's own: that is, untagged. */
  readonly user: UserInput | undefined;
  /** Networks that the device is a gateway of. */
  readonly networks: readonly number[];
  /** Equal for states with equal addresses. */
  readonly addressKey: string;
  readonly routeKey: string;
  readonly profile: Profile;
}

export function addressInfos(texts: readonly string[]): AddressInfo[] {
  const out: AddressInfo[] = [];
  for (const text of texts) {
    const addr = parseAddr(text);
    if (addr !== undefined) out.push({ addr, text, prefix: formatPrefix(hostPrefix(addr)) });
  }
  return out;
}

/** Prefixes both advertised and enabled. */
export function manualRoutes(input: DeviceInput): RouteInfo[] {
  if (input.advertised.length === 0 || input.approved.length === 0) return [];
  const advertised = new Set(input.advertised);
  return input.approved
    .filter((text) => advertised.has(text))
    .map((text) => routeInfo(text, 'manual', 0))
    .filter((route) => route !== undefined);
}

/**
 * Undefined for what is no prefix, and for what lies among the addresses of devices, whatever row says so: services alone, whose
 * addresses the program gives, are carried there.
 */
export function routeInfo(text: string, layer: RouteLayer, network: number): RouteInfo | undefined {
  const prefix = parseAddrOrPrefix(text);
  if (prefix === undefined) return undefined;
  const clean = masked(prefix);
  if (layer !== 'service' && isAmongDevices(clean)) return undefined;
  return {
    text: formatPrefix(clean),
    range: rangeOfPrefix(clean),
    layer,
    network,
    exit: isDefaultRoute(clean),
  };
}
