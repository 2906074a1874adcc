/** Buckets of Amazon S3, and of everything that speaks its protocol. */
import { openToOthers } from '../../domain/log-streams/organization-proof.ts';
import type { AwsRoles, AwsSession } from '../../domain/ports/aws-roles.ts';
import type { Clock } from '../../kernel/clock.ts';
import { signed } from '../outgoing/aws.ts';
import { packed } from './compression.ts';
import type { Destination, StreamTarget } from './destination.ts';
import { jsonLines } from './entries.ts';
import { escapedPath, objectName } from './object-name.ts';
import { createUntilExpiry } from './until-expiry.ts';

export interface S3Parts {
  readonly roles: AwsRoles;
  readonly clock: Clock;
}

/** A dot in a name is no part of a host that the wildcard certificate holds for. */
function bucketUrl({ config }: StreamTarget, name: string): string {
  const bucket = escapedPath(config.s3Bucket);
  if (config.url !== '') return `${config.url.replace(/\/+$/u, '')}/${bucket}/${escapedPath(name)}`;
  const host = `s3.${config.s3Region}.amazonaws.com`;
  return bucket.includes('.')
    ? `https://${host}/${bucket}/${escapedPath(name)}`
    : `https://${bucket}.${host}/${escapedPath(name)}`;
}

export function s3Destination({ roles, clock }: S3Parts): Destination {
  const sessions = createUntilExpiry<AwsSession>(clock);

  const sessionOf = ({ org, config, secrets }: StreamTarget, signal: AbortSignal): Promise<AwsSession> => {
    if (config.s3AuthenticationType === 'accesskey') {
      const { s3AccessKeyId: accessKeyId } = config;
      return Promise.resolve({ accessKeyId, secretAccessKey: secrets.s3SecretAccessKey });
    }
    const { s3RoleArn: roleArn, s3ExternalId: externalId, s3Region: region } = config;
    return sessions(JSON.stringify([org, roleArn, externalId, region]), async () => {
      const role = { org, roleArn, region };
      const attempt = await roles.assume({ ...role, externalId }, signal);
      if ('reason' in attempt) throw new Error(`the role cannot be taken on: ${attempt.reason}`);
      // What lets in everybody who asks with our account was perhaps given to another organization.
      const open = await openToOthers(roles, role, signal);
      if (open !== undefined) throw new Error(`the role is not used: ${open}`);
      return { value: attempt.session, expiresAt: attempt.expiresAt };
    });
  };

  return {
    request: async (batch, signal) => {
      const { target, entries } = batch;
      const { body, suffix } = await packed(jsonLines(entries), target.config.compressionFormat);
      const name = objectName(batch, target.config.s3KeyPrefix, suffix);
      return signed(
        {
          method: 'PUT',
          url: bucketUrl(target, name),
          headers: { 'content-type': 'application/x-ndjson' },
          body,
          service: 's3',
          region: target.config.s3Region,
        },
        await sessionOf(target, signal),
        clock.now(),
      );
    },
  };
}
