/** Rules of SSH in the form that clients take. */
import type { SshPolicy as PolicySsh, SshRuleOutput } from '../../policy/index.ts';
import type { SshPolicy } from '../wire/index.ts';

/** Where a client asks what to do with a session that needs a fresh sign-in. The host is not looked at: it goes over Noise. */
export const SSH_ACTION_URL =
  'https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER';

type SshAction = SshPolicy['rules'][number]['action'];

function actionOf(rule: SshRuleOutput): SshAction {
  if (rule.check) return { holdAndDelegate: SSH_ACTION_URL };
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

export const sshPolicyOf = (policy: PolicySsh): SshPolicy => ({
  rules: policy.rules.map((rule) => ({
    principals: rule.principals,
    sshUsers: rule.sshUsers,
    action: actionOf(rule),
    ...(rule.acceptEnv.length > 0 ? { acceptEnv: rule.acceptEnv } : {}),
  })),
});
