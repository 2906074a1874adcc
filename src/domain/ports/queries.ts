/**
 * Lists that join several kinds, or select only the columns that an answer needs: SQL behind them, so that no list loads
 * an organization into memory. Reads of single kinds go through the store's reader.
 */

import type { PolicyVersion } from '../model/configuration.ts';
import type { Credential } from '../model/credentials.ts';
import type { Device, DeviceOwnerKind, HostFacts } from '../model/devices.ts';
import type { AuditEvent } from '../model/operations.ts';
import type { Membership, Role, ServiceAccount } from '../model/people.ts';

/** What a device list may be narrowed by; each compares exactly. Times are in whole seconds since 1970. */
export type DeviceFilter =
  | {
      readonly on:
        | 'label'
        | 'hostname'
        | 'os'
        | 'clientVersion'
        | 'machineKey'
        | 'nodeKey'
        /** The owner's login, or the empty text for devices that no person stands behind. */
        | 'login'
        | 'tag'
        | 'address'
        | 'enabledRoute'
        | 'advertisedRoute';
      readonly value: string;
    }
  /** One of several ids. */
  | { readonly on: 'ids'; readonly value: readonly number[] }
  | { readonly on: 'id' | 'owner' | 'createdSecond' | 'lastSeenSecond'; readonly value: number }
  | { readonly on: 'expiresSecond'; readonly value: number | null }
  | {
      readonly on: 'authorized' | 'expiryDisabled' | 'ephemeral' | 'online' | 'blocksIncoming' | 'ssh';
      readonly value: boolean;
    };

export interface DeviceListQuery {
  readonly filters: readonly DeviceFilter[];
  /** With routes and what the device reports of itself. */
  readonly detailed: boolean;
  readonly now: number;
}

export interface DeviceRow
  extends Pick<
    Device,
    | 'id'
    | 'label'
    | 'osHostname'
    | 'os'
    | 'clientVersion'
    | 'machineKey'
    | 'nodeKey'
    | 'keyExpiresAt'
    | 'expiryDisabled'
    | 'ephemeral'
  > {
  readonly ownerKind: DeviceOwnerKind;
  readonly owner: number;
  /** Null where it is nobody's business: of a device of another organization. */
  readonly createdAt: number | null;
  /** Authorized and not blocked. */
  readonly authorized: boolean;
  /** The person who owns it or brought it in; null when there is none. */
  readonly person: { readonly email: string | null; readonly username: string } | null;
  /** Connected to a process that is alive. */
  readonly online: boolean;
  /** Null when it was never connected. */
  readonly lastSeen: number | null;
  readonly blocksIncoming: boolean;
  /** IPv4 first. */
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  readonly details: DeviceDetails | undefined;
}

/** The routes of a device that serves networks. */
export interface ManagedRoutes {
  /** What it carries while some access leads there. */
  readonly carried: ReadonlySet<string>;
  /** What it advertises because it was told to, or found for a name that it was told. */
  readonly pushed: ReadonlySet<string>;
  /** Whether its default routes are those of an exit network. */
  readonly exit: boolean;
}

export interface DeviceDetails {
  readonly serials: readonly string[];
  readonly endpoints: readonly string[];
  readonly homeDerp: number;
  readonly hostinfo: HostFacts;
  readonly netInfo: HostFacts | null;
  readonly routes: readonly {
    readonly prefix: string;
    readonly advertised: boolean;
    readonly enabled: boolean;
  }[];
  /** Of a device that serves networks. */
  readonly served?: ManagedRoutes;
}

export interface MemberListQuery {
  /** Undefined: everybody who has joined. */
  readonly ids?: readonly number[];
  readonly roles?: readonly Role[];
  readonly now: number;
}

export interface MemberRow
  extends Pick<
    Membership,
    | 'id'
    | 'username'
    | 'email'
    | 'displayName'
    | 'givenName'
    | 'familyName'
    | 'avatarUrl'
    | 'role'
    | 'createdAt'
    | 'joinedAt'
    | 'approvedAt'
    | 'suspendedAt'
  > {
  /** When they were last seen, themselves or by a device of theirs; null for never. */
  readonly lastSeen: number | null;
  readonly devices: number;
  /** A device of theirs is connected. */
  readonly online: boolean;
}

/** Of members who have joined and were approved. What is not given narrows nothing. */
export interface MemberPageQuery {
  readonly suspended?: boolean;
  readonly secondFactor?: boolean;
  /** They sign in by an identity provider. */
  readonly foreign?: boolean;
  readonly roles?: readonly Role[];
  /** In their user name, normalised. */
  readonly name?: string;
  readonly offset: number;
  readonly limit: number;
}

export interface MemberPage {
  /** In order of user names. */
  readonly ids: readonly number[];
  /** Without offset and limit. */
  readonly total: number;
}

/** What an audit page may be narrowed by; times as with `auditEvents`. */
export interface AuditPageQuery {
  readonly from?: number;
  readonly to?: number;
  /** What a membership did. */
  readonly membership?: number;
  readonly network?: number;
  readonly offset: number;
  readonly limit: number;
}

/** An active membership of an account, with the words for its organization. */
export interface AccountMembership {
  readonly org: number;
  readonly membership: number;
  readonly label: string;
  readonly name: string;
}

/** Everything on which a credential rests, in one question. */
export interface CredentialStanding {
  readonly credential: Pick<
    Credential,
    | 'org'
    | 'id'
    | 'kind'
    | 'ownerKind'
    | 'owner'
    | 'name'
    | 'description'
    | 'publicId'
    | 'secretHash'
    | 'scopes'
    | 'tags'
    | 'expiresAt'
    | 'revokedAt'
    | 'parent'
  >;
  readonly organizationNano: string;
  /** What it was minted from; undefined where it is gone, or never was. */
  readonly parent: Pick<Credential, 'id' | 'publicId' | 'scopes' | 'expiresAt' | 'revokedAt'> | undefined;
  /** The owner, where it is a member. */
  readonly member:
    | Pick<
        Membership,
        'id' | 'nano' | 'email' | 'username' | 'role' | 'joinedAt' | 'approvedAt' | 'suspendedAt'
      >
    | undefined;
  readonly serviceAccount: Pick<ServiceAccount, 'id' | 'nano' | 'name' | 'role'> | undefined;
}

export interface Queries {
  /** By the public part of its token, which is unique in the installation. */
  credentialStanding(publicId: string): Promise<CredentialStanding | undefined>;
  /** Over all organizations, in order of their names: for the account's own person alone. */
  accountMemberships(account: number): Promise<AccountMembership[]>;
  /** From `from` to before `to`, oldest first. */
  auditEvents(
    org: number,
    range: { readonly from: number; readonly to: number; readonly limit: number },
  ): Promise<AuditEvent[]>;
  /** The ends of accesses that ran out, the newest first. */
  expiredAccess(org: number, range: { readonly from: number; readonly limit: number }): Promise<AuditEvent[]>;
  /** The newest first. */
  auditPage(org: number, query: AuditPageQuery): Promise<AuditEvent[]>;
  memberPage(org: number, query: MemberPageQuery): Promise<MemberPage>;
  /** Members who have joined, in order of their ids, with what their devices say of them. */
  members(org: number, query: MemberListQuery): Promise<MemberRow[]>;
  /** In order of their ids. */
  devices(org: number, query: DeviceListQuery): Promise<DeviceRow[]>;
  /** The version of the policy file that is in force, or undefined when there never was one. */
  currentPolicy(org: number): Promise<PolicyVersion | undefined>;
}
