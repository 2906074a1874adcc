/** The first message of a stream: everything its client needs to know. */
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { encodePart, type FilterRule, joinMessage } from '../wire/index.ts';
import type { ClassState } from './class-state.ts';
import { type DeviceRender, renderProfile } from './device-render.ts';
import type { MapStream } from './map-stream.ts';
import type { OwnView } from './network-view.ts';
import type { OwnNode } from './own-node.ts';

export interface FirstMapParts {
  readonly snapshot: Snapshot;
  readonly node: OwnNode;
  readonly own: OwnView;
  readonly state: ClassState;
  readonly renders: ReadonlyMap<number, DeviceRender>;
  readonly stream: Pick<MapStream, 'device' | 'compression' | 'dnsText' | 'relaysText'>;
  /** The viewer's own user, which may own none of its peers. */
  readonly user: number;
  readonly flowLogId: string;
  /** The client is to send its logs nowhere. */
  readonly keepLogs: boolean;
  readonly now: number;
}

/** The peers are the parts that the class shares; only what stands before them is made for this viewer. */
export function buildFirstMap(parts: FirstMapParts): Buffer {
  const { snapshot, state, renders, stream, own } = parts;
  const users = new Set([parts.user]);
  for (const id of state.list.ids()) {
    const render = renders.get(id);
    for (const user of render?.users ?? []) users.add(user);
  }
  const head = [
    `"ControlTime":${JSON.stringify(new Date(parts.now).toISOString())}`,
    `"Node":${parts.node.json}`,
    `"DERPMap":${stream.relaysText}`,
    `"DNSConfig":${stream.dnsText}`,
    `"Domain":${JSON.stringify(snapshot.organization.tailnetName)}`,
    '"CollectServices":false',
    filterMember(own),
    `"SSHPolicy":${JSON.stringify(own.ssh)}`,
    `"UserProfiles":[${[...users].map((user) => renderProfile(snapshot, user)).join(',')}]`,
    `"DomainDataPlaneAuditLogID":"${parts.flowLogId}"`,
    ...(parts.keepLogs ? ['"Debug":{"DisableLogTail":true}'] : []),
  ];
  // The class is as its streams were told. A device deleted since is in its list, and no longer known: the next message
  // takes it from all of them.
  const peerJson = (id: number): string | undefined => {
    const view = state.views.get(id);
    return view === undefined ? undefined : renders.get(id)?.peer(view);
  };
  return joinMessage([
    encodePart(`{${head.join(',')},"Peers":[`, stream.compression),
    ...state.list.parts(stream.device, peerJson, stream.compression),
    encodePart(']}', stream.compression),
  ]);
}

/** Rules share their lists of addresses, of which one more device changes a few: each is spelled once. */
const listTexts = new WeakMap<object, string>();

function listText(list: readonly unknown[]): string {
  let text = listTexts.get(list);
  if (text === undefined) {
    text = JSON.stringify(list);
    listTexts.set(list, text);
  }
  return text;
}

function ruleText(rule: FilterRule): string {
  const { SrcIPs, DstPorts, ...rest } = rule;
  const ports = DstPorts === undefined ? '' : `,"DstPorts":${listText(DstPorts)}`;
  const others = JSON.stringify(rest);
  return `{"SrcIPs":${listText(SrcIPs)}${ports}${others === '{}' ? '}' : `,${others.slice(1)}`}`;
}

const filterTexts = new WeakMap<OwnView['filter'], string>();

/** The filter as a member of a message. Devices with equal filters share the object, so its text is made once. */
export function filterMember(own: OwnView): string {
  let text = filterTexts.get(own.filter);
  if (text === undefined) {
    text = `"PacketFilters":{"base":[${own.filter.map(ruleText).join(',')}]}`;
    filterTexts.set(own.filter, text);
  }
  return text;
}
