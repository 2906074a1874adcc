/** Rules of SSH in the form that clients take. */
import type { SshPolicy as PolicySsh, SshRuleOutput } from '../../policy/index.ts';
import type { AddrPort, SshPolicy } from '../wire/index.ts';

/** Where a client asks what to do with a session that needs a fresh sign-in. The host is not looked at: it goes over Noise. */
const sshActionUrl = (org: number): string =>
  `https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?organization=${org}&ssh_user=$SSH_USER&local_user=$LOCAL_USER`;

type SshAction = SshPolicy['rules'][number]['action'];

export const SSH_NOTIFY_PATH = '/machine/ssh/notify';

const NOT_RECORDED = 'This session must be recorded, and no recorder took it.\r\n';
const RECORDING_ENDED = 'This session must be recorded, and its recording broke off.\r\n';

/** What lets a session in. `recorders`: where sessions of the rule are recorded now. A session that must be recorded is not let in where nothing can do that. */
export function acceptance(rule: SshRuleOutput, recorders: readonly AddrPort[]): SshAction {
  const recorded = rule.recorders.length > 0;
  // A client that is told of no recorder records nothing, and asks nobody.
  if (recorded && recorders.length === 0 && rule.enforceRecorder)
    return { reject: true, message: NOT_RECORDED };
  return {
    accept: true,
    allowAgentForwarding: true,
    allowLocalPortForwarding: true,
    allowRemotePortForwarding: true,
    ...(recorders.length === 0
      ? {}
      : {
          recorders,
          onRecordingFailure: {
            ...(rule.enforceRecorder
              ? {
                  RejectSessionWithMessage: NOT_RECORDED,
                  TerminateSessionWithMessage: RECORDING_ENDED,
                }
              : {}),
            NotifyURL: `https://unused${SSH_NOTIFY_PATH}`,
          },
        }),
  };
}

/** `org`: the organization of the device that the policy is for. */
export const sshPolicyOf = (
  policy: PolicySsh,
  org: number,
  recordersOf: (rule: SshRuleOutput) => readonly AddrPort[],
): SshPolicy => ({
  rules: policy.rules.map((rule) => ({
    // A person's own devices are named by the login: a list of addresses would be another one, for each of them, whenever
    // one of them comes or goes. No device of anybody else may carry that login in its profile.
    principals: rule.everyDeviceOf === undefined ? rule.principals : [{ userLogin: rule.everyDeviceOf }],
    sshUsers: rule.sshUsers,
    action: rule.check ? { holdAndDelegate: sshActionUrl(org) } : acceptance(rule, recordersOf(rule)),
    ...(rule.acceptEnv.length > 0 ? { acceptEnv: rule.acceptEnv } : {}),
  })),
});
