import type { ExactValue } from '../../kernel/hujson/index.ts';
import type { IpSet, Range } from '../../kernel/netip/index.ts';
import type { ProtoPorts } from '../ast.ts';
import type { Condition } from '../posture.ts';

/**
 * The intermediate form that the file, access edges and network roles all compile to. A unit is one rule: any of its
 * sources may reach any of its targets. Nothing in it depends on which devices exist.
 */
export interface UnitSpec {
  /** Equal keys mean the same unit, so a unit survives the recompilation of what it came from. */
  readonly key: string;
  readonly origin: Origin;
  readonly source: SourceSpec;
  readonly targets: readonly TargetSpec[];
  /** Capabilities at each of these destinations. */
  readonly grants: readonly GrantSpec[];
  readonly reach: Reach;
  /** A companion capability goes from destinations to sources; these conditions then bind its destinations. */
  readonly dstPosture: PostureSpec | undefined;
}

/** Where a unit came from, for people. */
export type Origin =
  | { readonly kind: 'default' }
  | {
      readonly kind: 'rule';
      readonly section: 'acls' | 'grants' | 'ssh';
      readonly index: number;
      readonly line: number;
    }
  | { readonly kind: 'edge'; readonly edge: number; readonly resource: number }
  | { readonly kind: 'role'; readonly role: number; readonly resource: number | undefined };

/**
 * Which devices may be destinations: any; those of the source's own user; those with one of the tags (`via`); the
 * gateways of a network.
 */
export type Reach =
  | { readonly kind: 'anywhere' }
  | { readonly kind: 'self' }
  | { readonly kind: 'via'; readonly tags: readonly string[] }
  | { readonly kind: 'network'; readonly network: number };

/** Principals are atoms: texts like `tag:x`, `user:a@b`, `group:g`, `autogroup:member`, `service-account:7`. */
export interface SourceSpec {
  readonly key: string;
  /** `*` */
  readonly any: boolean;
  /** autogroup:danger-all: the whole address space, which with conditions is among the literals too. */
  readonly danger: boolean;
  readonly atoms: readonly string[];
  /** None of them empty. */
  readonly literals: readonly IpSet[];
  readonly posture: PostureSpec | undefined;
}

/** At least one list must hold in full. */
export interface PostureSpec {
  readonly key: string;
  readonly anyOf: readonly (readonly Condition[])[];
}

export interface TargetSpec {
  readonly dst: readonly DstSpec[];
  readonly allow: readonly ProtoPorts[];
}

export type DstSpec =
  | { readonly kind: 'any' }
  | { readonly kind: 'atom'; readonly atom: string }
  | { readonly kind: 'literal'; readonly set: IpSet; readonly pieces: readonly Piece[] }
  | { readonly kind: 'internet' }
  /** The resolver of a network's gateways. */
  | { readonly kind: 'resolver' }
  /** The internet behind a network's gateways. */
  | { readonly kind: 'exit' };

/** One range of a literal destination and its spelling. */
export interface Piece {
  readonly range: Range;
  readonly text: string;
}

export interface GrantSpec {
  /** One grant names all of these; its destinations are what a device matches among them. */
  readonly dst: readonly DstSpec[];
  readonly caps: ReadonlyMap<string, ExactValue>;
}

export interface SshUnitSpec {
  readonly key: string;
  readonly origin: Origin;
  readonly source: SourceSpec;
  readonly atoms: readonly string[];
  readonly self: boolean;
  readonly users: readonly string[];
  readonly check: boolean;
  readonly checkPeriod: number;
  readonly acceptEnv: readonly string[];
  readonly recorders: readonly string[];
  readonly enforceRecorder: boolean;
}

export interface AttrUnitSpec {
  readonly key: string;
  readonly line: number;
  readonly source: SourceSpec;
  readonly attr: readonly string[];
  readonly app: ReadonlyMap<string, ExactValue>;
}
