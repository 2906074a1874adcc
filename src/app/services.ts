/** The services that the edges share, made once a process. */
import { availableParallelism } from 'node:os';
import { type AttemptLimiter, createAttemptLimiter } from '../auth/attempt-limiter.ts';
import { type Authenticator, createAuthenticator } from '../auth/authenticator.ts';
import { createIdentityTokens } from '../auth/identity-tokens.ts';
import { createPasswords, type Passwords } from '../auth/password.ts';
import { createPasswordSignIn, type PasswordSignIn } from '../auth/password-sign-in.ts';
import { createSignedTokens } from '../auth/signed-tokens.ts';
import { createSigningKeys, type SigningKeys } from '../auth/signing-keys.ts';
import { createUsageRecorder, type UsageRecorder } from '../auth/usage-recorder.ts';
import type { AwsConfig } from '../config/config.ts';
import type { JoinPolicy } from '../domain/devices/join-types.ts';
import type { AttributeRules } from '../domain/devices/own-attributes.ts';
import { createFirstRun, type FirstRun } from '../domain/first-run/first-run-service.ts';
import { createFlowLogService, type FlowLogService } from '../domain/flow-logs/flow-log-service.ts';
import {
  createOrganizationService,
  type OrganizationService,
} from '../domain/organizations/organization-service.ts';
import { createTagRules, type TagRules } from '../domain/policy-file/tag-rules.ts';
import type { AwsRoles } from '../domain/ports/aws-roles.ts';
import type { Follower } from '../domain/ports/follower.ts';
import type { IdentityTokens } from '../domain/ports/identity-tokens.ts';
import type { InstallationFacts } from '../domain/ports/installation-facts.ts';
import type { LogStreamQueue } from '../domain/ports/log-stream-queue.ts';
import type { Sealer } from '../domain/ports/sealer.ts';
import type { SignedTokens } from '../domain/ports/signed-tokens.ts';
import type { Store } from '../domain/ports/store.ts';
import { createJoinPolicy } from '../effective-policy/join-policy.ts';
import { createAwsRoles } from '../jobs/outgoing/aws.ts';
import { createOutgoing, type Exchange } from '../jobs/outgoing/exchange.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { createFlowLogs } from '../store/flow-logs.ts';
import { createFollower } from '../store/follower.ts';
import { createLogStreamQueue } from '../store/log-stream-queue.ts';
import { createReplicaLeases } from '../store/replica-leases.ts';
import type { Installation } from './installation.ts';
import { createReplica, type Replica } from './replica.ts';

export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly follower: Follower;
  readonly facts: InstallationFacts;
  readonly authenticator: Authenticator;
  readonly signingKeys: SigningKeys;
  readonly signedTokens: SignedTokens;
  /** What devices say to others who they are by. */
  readonly identityTokens: IdentityTokens;
  readonly onUse: UsageRecorder['record'];
  readonly organizations: OrganizationService;
  /** What the policy file says of devices that join, and of who may give tags. */
  readonly joinPolicy: JoinPolicy & AttributeRules;
  readonly tagRules: TagRules;
  readonly passwordSignIn: PasswordSignIn;
  readonly passwords: Passwords;
  readonly attemptLimiter: AttemptLimiter;
  readonly firstRun: FirstRun;
  readonly replica: Replica;
  readonly flowLogs: FlowLogService;
  readonly logStreamQueue: LogStreamQueue;
  readonly aws: AwsConfig | undefined;
  readonly awsRoles: AwsRoles;
  close(): Promise<void>;
}

export interface ServicesParts {
  readonly installation: Installation;
  readonly facts: InstallationFacts;
  readonly sealer: Sealer;
  /** The installation's account; undefined: it has none. */
  readonly aws: AwsConfig | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  /** For requests that are only tried: nothing is asked of anybody outside, and no use is noted. */
  readonly onlyTried?: boolean;
}

const nothingSent: Exchange = () =>
  Promise.reject(new Error('nobody is asked for a request that is only tried'));
const nothingNoted: Pick<UsageRecorder, 'record' | 'close'> = {
  record: () => undefined,
  close: async () => undefined,
};

export function createServices(parts: ServicesParts): Services {
  const { installation, facts, sealer, aws, clock, random, onError, onlyTried = false } = parts;
  const { store, engine } = installation;
  const sts = createOutgoing({ allowPrivate: aws?.stsUrl !== undefined, userAgent: 'holdfast' });
  const follower = createFollower({ feed: store.feed, onError });
  const usage = onlyTried ? nothingNoted : createUsageRecorder({ store, clock, onError });
  const signingKeys = createSigningKeys({ store, sealer, clock, random });
  const signedTokens = createSignedTokens({ keys: signingKeys, clock, random });
  const authenticator = createAuthenticator({
    store,
    follower,
    clock,
    signedTokens,
    onUse: usage.record,
  });
  const organizations = createOrganizationService({ store, random });
  const passwords = createPasswords({ random, cores: availableParallelism() });
  const hashPassword = passwords.hash;
  const attemptLimiter = createAttemptLimiter({ clock });
  const joinPolicy = createJoinPolicy({ store });
  return {
    clock,
    random,
    store,
    follower,
    facts,
    authenticator,
    signingKeys,
    signedTokens,
    identityTokens: createIdentityTokens({ store, sealer, clock, random }),
    onUse: usage.record,
    organizations,
    joinPolicy,
    tagRules: createTagRules({ ownership: joinPolicy }),
    passwords,
    attemptLimiter,
    passwordSignIn: createPasswordSignIn({
      store,
      clock,
      random,
      passwords,
      limiter: attemptLimiter,
    }),
    firstRun: createFirstRun({ store, facts, organizations, hashPassword, clock, random }),
    replica: createReplica({
      leases: createReplicaLeases({ engine, clock }),
      random,
      alone: engine.name === 'sqlite',
      onError,
    }),
    logStreamQueue: createLogStreamQueue({ engine }),
    aws,
    // The operator says where it is, so it may be anywhere.
    awsRoles: createAwsRoles({ account: aws, exchange: onlyTried ? nothingSent : sts.exchange, clock }),
    flowLogs: createFlowLogService({ store, flowLogs: createFlowLogs({ engine }), clock }),
    close: async () => {
      sts.close();
      await usage.close();
      authenticator.close();
      follower.close();
    },
  };
}
