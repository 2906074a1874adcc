import { notFound } from '../../kernel/errors.ts';
import { pathParameter } from './body.ts';
import type { GuardedCall } from './parts.ts';
import { deviceIdOf } from './tailnet.ts';

/** The integer of the path's device. Malformed means: there is no such device. */
export function deviceOfPath({ request }: GuardedCall): number {
  const id = deviceIdOf(pathParameter(request, 'deviceId'));
  if (id === undefined) throw notFound('device');
  return id;
}
