/** A device says that an SSH session could not be recorded (client source, tailcfg.SSHEventNotifyRequest). */
import { constants } from 'node:http2';
import { z } from 'zod';
import type { RecordingOutcome, RecordingReports } from '../../domain/ssh-checks/recording-reports.ts';
import type { Clock } from '../../kernel/clock.ts';
import { createTokenBuckets } from '../../kernel/token-buckets.ts';
import { SSH_NOTIFY_PATH } from '../map/ssh-policy.ts';
import { nodeKey } from '../requests.ts';
import { answerText, parseJson } from './answers.ts';
import type { OwnNode } from './own-node.ts';
import { plainText } from './plain-text.ts';
import type { MachineRoute } from './router.ts';

export interface SshNotifyParts {
  readonly ownNode: OwnNode;
  readonly recordings: RecordingReports;
  readonly clock: Clock;
}

const MAX_USER = 128;
const MAX_RECORDER = 64;
const MAX_FAILURE = 1_024;
const MAX_ATTEMPTS = 100;
const SHOWN_ATTEMPTS = 5;

const OUTCOMES: Readonly<Record<number, RecordingOutcome>> = { 1: 'refused', 2: 'ended', 3: 'unrecorded' };

const notifyRequest = z.object({
  NodeKey: nodeKey,
  EventType: z.int(),
  SrcNode: z.int().nullish(),
  LocalUser: z.string().nullish(),
  RecordingAttempts: z
    .array(z.object({ Recorder: z.string().nullish(), FailureMessage: z.string().nullish() }))
    .max(MAX_ATTEMPTS)
    .nullish(),
});

/** Each is a line in the audit log, and people log in no more often than that. */
const REPORTS = { depth: 20, perSecond: 0.2, capacity: 10_000, refusal: 'too many reports' };

export function sshNotifyRoute({ ownNode, recordings, clock }: SshNotifyParts): MachineRoute {
  const reports = createTokenBuckets({ ...REPORTS, clock });
  return {
    method: 'POST',
    path: SSH_NOTIFY_PATH,
    handle: async (call) => {
      const request = parseJson(notifyRequest, await call.body());
      const found = await ownNode(call, request.NodeKey);
      if (found === undefined) return;
      const { device } = found.facts;
      const outcome = OUTCOMES[request.EventType];
      // What later clients may tell of is no fault of theirs.
      if (outcome !== undefined) {
        reports.take(`${device.org}/${device.id}`);
        await recordings.report(device, {
          outcome,
          source: request.SrcNode ?? 0,
          localUser: plainText(request.LocalUser ?? '', MAX_USER),
          attempts: (request.RecordingAttempts ?? []).slice(0, SHOWN_ATTEMPTS).map((attempt) => ({
            recorder: plainText(attempt.Recorder ?? '', MAX_RECORDER),
            failure: plainText(attempt.FailureMessage ?? '', MAX_FAILURE),
          })),
        });
      }
      answerText(call.stream, constants.HTTP_STATUS_CREATED, '');
    },
  };
}
