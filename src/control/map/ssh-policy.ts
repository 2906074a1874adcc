/** Rules of SSH in the form that clients take. */
import type { SshPolicy as PolicySsh, SshRuleOutput } from '../../policy/index.ts';
import type { SshPolicy } from '../wire/index.ts';

/** Where a client asks what to do with a session that needs a fresh sign-in. The host is not looked at: it goes over Noise. */
const sshActionUrl = (org: number): string =>
  `https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?organization=${org}&ssh_user=$SSH_USER&local_user=$LOCAL_USER`;

type SshAction = SshPolicy['rules'][number]['action'];

/** What lets a session in. */
export function acceptance(rule: SshRuleOutput): SshAction {
  return {
    accept: true,
    allowAgentForwarding: true,
    allowLocalPortForwarding: true,
    allowRemotePortForwarding: true,
    ...(rule.recorders.length > 0 ? { recorders: rule.recorders } : {}),
    ...(rule.enforceRecorder
      ? { onRecordingFailure: { RejectSessionWithMessage: 'the session could not be recorded' } }
      : {}),
  };
}

/** `org`: the organization of the device that the policy is for. */
export const sshPolicyOf = (policy: PolicySsh, org: number): SshPolicy => ({
  rules: policy.rules.map((rule) => ({
    // A person's own devices are named by the login: a list of addresses would be another one, for each of them, whenever
    // one of them comes or goes. No device of anybody else may carry that login in its profile.
    principals: rule.everyDeviceOf === undefined ? rule.principals : [{ userLogin: rule.everyDeviceOf }],
    sshUsers: rule.sshUsers,
    action: rule.check ? { holdAndDelegate: sshActionUrl(org) } : acceptance(rule),
    ...(rule.acceptEnv.length > 0 ? { acceptEnv: rule.acceptEnv } : {}),
  })),
});
