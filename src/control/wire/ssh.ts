import type { AddrPort, StableNodeId, Timestamp } from './scalars.ts';

/** Replaces the node's SSH rules as a whole. The first rule that matches decides. */
export interface SshPolicy {
  rules: readonly SshRule[];
}

export interface SshRule {
  ruleExpires?: Timestamp;
  principals: readonly SshPrincipal[];
  /** Name asked for to local name: "=" is the same name, "" refuses it, key "*" is every other name. */
  sshUsers: Readonly<Record<string, string>>;
  action: SshAction;
  acceptEnv?: readonly string[];
}

export interface SshPrincipal {
  node?: StableNodeId;
  nodeIP?: string;
  userLogin?: string;
  any?: boolean;
}

export interface SshAction {
  message?: string;
  reject?: boolean;
  accept?: boolean;
  /** Nanoseconds. */
  sessionDuration?: number;
  allowAgentForwarding?: boolean;
  /** URL the node asks, over its control connection, for the verdict. */
  holdAndDelegate?: string;
  allowLocalPortForwarding?: boolean;
  allowRemotePortForwarding?: boolean;
  recorders?: readonly AddrPort[];
  onRecordingFailure?: SshRecorderFailureAction;
}

export interface SshRecorderFailureAction {
  RejectSessionWithMessage?: string;
  TerminateSessionWithMessage?: string;
  NotifyURL?: string;
}
