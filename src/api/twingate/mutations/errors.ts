/** Failures as the text of a payload's `error`. */

import type { MissingDetails } from '../../../domain/directory/missing.ts';
import type { IdentifiedKind } from '../../../domain/model/entities.ts';
import { AppError } from '../../../kernel/errors.ts';
import { encodeGlobalId, type IdType } from '../global-id.ts';

const TYPES: { readonly [K in IdentifiedKind]?: IdType } = {
  membership: 'User',
  group: 'Group',
  network: 'RemoteNetwork',
  gateway: 'Connector',
  resource: 'Resource',
  serviceAccount: 'ServiceAccount',
  credential: 'ServiceAccountKey',
  securityPolicy: 'SecurityPolicy',
  device: 'Device',
  proxy: 'Gateway',
  accessRequest: 'AccessRequest',
  dnsFilterProfile: 'DnsFilteringProfile',
};

const isMissing = (details: unknown): details is MissingDetails =>
  typeof details === 'object' && details !== null && 'kind' in details && 'id' in details;

export function payloadError(error: AppError): string {
  if (error.code === 'not_found' && isMissing(error.details)) {
    const type = TYPES[error.details.kind];
    if (type !== undefined)
      return `${type} with id '${encodeGlobalId(type, error.details.id)}' does not exist`;
  }
  // Whatever does not exist is told in these words: clients that delete look for them.
  if (error.code === 'not_found' && !error.message.includes('does not exist')) {
    return error.message.replace(/ not found$/u, ' does not exist');
  }
  return error.message;
}

/** Runs `work`; a failure of that code gets the words that clients know. */
export async function inWords<T>(
  words: Partial<Record<AppError['code'], string>>,
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const text = error instanceof AppError ? words[error.code] : undefined;
    if (text === undefined || !(error instanceof AppError)) throw error;
    throw new AppError(error.code, text, error.field === undefined ? {} : { field: error.field });
  }
}
