/**
 * What a device does with an SSH login that a check rule covers: it asks here, over its control connection, and goes on asking
 * as long as the answer delegates; the message of an answer is shown to the person who logs in (client source,
 * tailcfg.SSHAction).
 */
import { constants } from 'node:http2';
import {
  SSH_CHECK_PATH,
  type SshChecks,
  type SshDecision,
} from '../../domain/ssh-checks/ssh-check-service.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Hubs } from '../hubs.ts';
import { acceptance } from '../map/ssh-policy.ts';
import type { RowWaiters } from '../row-waiters.ts';
import type { SshAction } from '../wire/index.ts';
import { answerJson, answerText, endOf } from './answers.ts';
import type { MachineCall, MachineRoute } from './router.ts';

export interface SshActionParts {
  readonly hubs: Pick<Hubs, 'of'>;
  readonly checks: Pick<SshChecks, 'isFresh' | 'begin' | 'stateOf'>;
  readonly waiters: Pick<RowWaiters<SshDecision>, 'wait'>;
  /** The origin that people open; undefined: the one that the device called. */
  readonly publicUrl: string | undefined;
}

const MAX_USER = 128;
const PATH = '/machine/ssh/action/{src}/to/{dst}';

const reject = (message: string): SshAction => ({ reject: true, message: `${message}\r\n` });

interface Question {
  readonly org: number;
  readonly source: number;
  readonly target: number;
  readonly user: string;
  readonly localUser: string;
  /** A check that was begun for an earlier answer. */
  readonly check: string | undefined;
}

function questionOf({ params, query }: MachineCall): Question {
  const number = (text: string | null | undefined): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value <= 0) throw notFound('device');
    return value;
  };
  return {
    org: number(query.get('organization')),
    source: number(params.src),
    target: number(params.dst),
    user: (query.get('ssh_user') ?? '').slice(0, MAX_USER),
    localUser: (query.get('local_user') ?? '').slice(0, MAX_USER),
    check: query.get('check') ?? undefined,
  };
}

const delegate = (question: Question, check: string): string => {
  const { org, source, target, user, localUser } = question;
  const query = new URLSearchParams({
    organization: String(org),
    ssh_user: user,
    local_user: localUser,
    check,
  });
  return `https://unused/machine/ssh/action/${source}/to/${target}?${query}`;
};

export function sshActionRoute({ hubs, checks, waiters, publicUrl }: SshActionParts): MachineRoute {
  const decide = async (call: MachineCall, question: Question): Promise<SshAction | undefined> => {
    const { org, source, target, user } = question;
    const hub = await hubs.of(org);
    const asking = hub?.snapshot.devices.get(target)?.device;
    // One answer for whatever is not this machine's to ask.
    if (hub === undefined || asking?.machineKey !== call.context.machineKey) throw notFound('device');
    const rule = hub.sshRule(source, target, user);
    const from = hub.snapshot.devices.get(source)?.device;
    if (rule === undefined || from === undefined) return reject('access denied');
    if (!rule.check) return acceptance(rule, hub.recordersOf(rule));
    if (from.ownerKind !== 'membership') return reject('access denied: this device has no person to ask');
    const login = { org, source, membership: from.owner, target, user };
    if (question.check === undefined) {
      if (await checks.isFresh(login, rule.checkPeriod)) return acceptance(rule, hub.recordersOf(rule));
      const check = await checks.begin(login);
      const page = `${publicUrl ?? call.context.origin}${SSH_CHECK_PATH}${check}`;
      const message = `# This login needs you to sign in again.\r\n# Open this page: ${page}\r\n`;
      return { message, holdAndDelegate: delegate(question, check) };
    }
    const id = question.check;
    const decision = await waiters.wait(org, () => checks.stateOf(id, login), endOf(call.stream));
    switch (decision) {
      case 'allowed': {
        // The rules may have changed while the person signed in.
        const present = hub.sshRule(source, target, user);
        return present === undefined
          ? reject('access denied')
          : acceptance(present, hub.recordersOf(present));
      }
      case 'denied':
        return reject('the login was refused');
      case 'expired':
      case 'unknown':
        return reject('nobody signed in for this login in time');
      case 'gone':
        return undefined;
    }
  };

  return {
    method: 'GET',
    path: PATH,
    handle: async (call) => {
      const action = await decide(call, questionOf(call));
      if (action !== undefined) answerJson(call.stream, action);
      else answerText(call.stream, constants.HTTP_STATUS_SERVICE_UNAVAILABLE, '');
    },
  };
}
