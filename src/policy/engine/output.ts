/** What a device receives. The names are those of the clients' protocol (contracts: FilterRule, SSHPolicy, Node). */
import type { ExactValue } from '../../kernel/hujson/index.ts';

export interface DstPort {
  readonly IP: string;
  readonly Ports: { readonly First: number; readonly Last: number };
}

export interface CapGrant {
  readonly Dsts: readonly string[];
  readonly CapMap: Readonly<Record<string, ExactValue>>;
}

export interface FilterRule {
  readonly SrcIPs: readonly string[];
  readonly DstPorts?: readonly DstPort[];
  readonly IPProto?: readonly number[];
  readonly CapGrant?: readonly CapGrant[];
}

/** Equal content is the same object. */
export interface PacketFilter {
  readonly rules: readonly FilterRule[];
}

export interface SshPrincipal {
  readonly nodeIP: string;
}

/** A rule of tailscale SSH, but for its action, whose URL is the control plane's. */
export interface SshRuleOutput {
  readonly principals: readonly SshPrincipal[];
  /**
   * A login, when the principals are the addresses of all untagged devices that this person has, and nothing else. Such a
   * rule counts as the same while devices come and go.
   */
  readonly everyDeviceOf: string | undefined;
  readonly sshUsers: Readonly<Record<string, string>>;
  readonly acceptEnv: readonly string[];
  readonly check: boolean;
  /** Milliseconds; 0 is every time. Meaningful for check rules. */
  readonly checkPeriod: number;
  readonly recorders: readonly string[];
  readonly enforceRecorder: boolean;
}

export interface SshPolicy {
  readonly rules: readonly SshRuleOutput[];
}

export type CapMap = Readonly<Record<string, ExactValue>>;

export interface SelfView {
  readonly allowedIPs: readonly string[];
  readonly primaryRoutes: readonly string[];
  readonly capMap: CapMap;
}

/** How one device appears to another. Equal content for one peer is the same object. */
export interface PeerView {
  readonly allowedIPs: readonly string[];
  readonly primaryRoutes: readonly string[];
  readonly capMap: CapMap;
  /** A device of another organization that may answer the viewer, and begin nothing. */
  readonly jailed: boolean;
}
