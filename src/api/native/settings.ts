/** The settings of an organization under their own names: `GET` and `PATCH /app/api/settings`. */
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { isSettingName } from '../../domain/settings/settings.ts';
import {
  READ_ANY_SETTING,
  type SettingsService,
  WRITE_ANY_SETTING,
} from '../../domain/settings/settings-service.ts';
import { invalid } from '../../kernel/errors.ts';
import type { GuardedOperation } from '../shared/operation.ts';

const PATH = '/app/api/settings';
const MAX_CHANGES = 100;

const changes = z.record(z.string().max(MAX_CHANGES), z.unknown());

async function shown(settings: SettingsService, actor: Actor): Promise<object> {
  const { settings: values, readable } = await settings.read(actor);
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => isSettingName(name) && readable.has(name)),
  );
}

export function settingsOperations(settings: SettingsService): readonly GuardedOperation[] {
  return [
    {
      id: 'native.settings.read',
      method: 'GET',
      path: PATH,
      requires: { anyOf: READ_ANY_SETTING },
      handle: ({ actor }) => shown(settings, actor),
    },
    {
      id: 'native.settings.change',
      method: 'PATCH',
      path: PATH,
      requires: { anyOf: WRITE_ANY_SETTING },
      handle: async ({ actor, request }) => {
        const parsed = changes.safeParse(request.body);
        if (!parsed.success) throw invalid('the body must be an object of settings', 'body');
        const wanted = Object.entries(parsed.data).map(([name, value]) => {
          if (!isSettingName(name)) throw invalid('there is no such setting', name);
          return { name, value, field: name };
        });
        await settings.update(actor, wanted, 'native-api');
        return shown(settings, actor);
      },
    },
  ];
}
