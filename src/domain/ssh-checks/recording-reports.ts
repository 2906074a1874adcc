/** SSH sessions that could not be recorded as the policy file says: a line in the organization's audit log. */
import type { Device } from '../model/devices.ts';
import type { Store } from '../ports/store.ts';

/** `refused`: it was not let in; `ended`: it was cut off; `unrecorded`: it went on without being recorded. */
export type RecordingOutcome = 'refused' | 'ended' | 'unrecorded';

export interface FailedRecording {
  readonly outcome: RecordingOutcome;
  /** The device that the session came from; 0: not known. */
  readonly source: number;
  readonly localUser: string;
  /** What was tried, and why it failed. */
  readonly attempts: readonly { readonly recorder: string; readonly failure: string }[];
}

export interface RecordingReports {
  /** By the device that was logged in to. One that is gone is no error. */
  report(device: Pick<Device, 'org' | 'id'>, failed: FailedRecording): Promise<void>;
}

const OUTCOMES: Readonly<Record<RecordingOutcome, string>> = {
  refused: 'was refused, as it could not be recorded',
  ended: 'was ended, as its recording broke off',
  unrecorded: 'went on without being recorded',
};
const MAX_DETAILS = 1_024;

export const createRecordingReports = ({ store }: { readonly store: Store }): RecordingReports => ({
  report: async ({ org, id }, { outcome, source, localUser, attempts }) => {
    const device = await store.get('device', org, id);
    if (device === undefined) return;
    const from = (await store.get('device', org, source))?.label ?? 'a device that is not known';
    const tried = attempts.map(({ recorder, failure }) => ` ${recorder}: ${failure}`).join(';');
    const by = { kind: 'device', id: String(id), name: device.label } as const;
    await store.write({ orgs: [org], by, origin: 'control' }, async (tx) =>
      tx.audit(org, {
        verb: 'update',
        objectKind: 'device',
        objectId: id,
        objectName: device.label,
        field: 'sshRecording',
        details: `a session of ${localUser} from ${from} ${OUTCOMES[outcome]}.${tried}`
          .slice(0, MAX_DETAILS)
          .toWellFormed(),
      }),
    );
  },
});
