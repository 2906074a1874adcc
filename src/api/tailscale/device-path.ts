import { notFound } from '../../kernel/errors.ts';
import { pathText } from '../shared/parameters.ts';
import type { GuardedCall } from './parts.ts';
import { deviceIdOf } from './tailnet.ts';

/** The integer of the path's device. Malformed means: there is no such device. */
export function deviceOfPath({ request }: GuardedCall): number {
  const id = deviceIdOf(pathText(request, 'deviceId'));
  if (id === undefined) throw notFound('device');
  return id;
}
