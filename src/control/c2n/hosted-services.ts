/**
 * The services that a device serves. Clients tell a hash of them with their host facts, and the list when they are asked
 * (capability version 108; client source, tailcfg/c2ntypes.go).
 */
import { z } from 'zod';
import type { ServiceHosting } from '../../domain/services/service-hosting.ts';
import type { ClientQuestion } from './client-facts.ts';
import { readAnswer } from './raw-http.ts';

const MAX_SERVICES = 1_000;
const MAX_NAME = 100;

const answer = z.object({
  VIPServices: z
    .array(z.object({ Name: z.string().max(MAX_NAME), Active: z.boolean().nullish() }))
    .max(MAX_SERVICES)
    .nullish(),
});

const CALL = { method: 'GET', path: '/vip-services' } as const;

export const hostedServicesQuestion = (hosting: ServiceHosting): ClientQuestion => ({
  // A service that is made, or takes another name, may be one that a device has long offered.
  concerns: new Set(['service']),
  changesSilently: () => 'none',
  version: (snapshot, { device, live }) => {
    const hash = live?.hostinfo.ServicesHash;
    const serves = typeof hash === 'string' && hash !== '';
    if (!serves) {
      const listed = [...snapshot.servicesOf(device.id)].some(({ advertised }) => advertised);
      return listed ? 'none' : undefined;
    }
    const services = [...snapshot.table('service').values()].map(({ name }) => name);
    return JSON.stringify([hash, services]);
  },
  take: async ({ device, live }, ask) => {
    const hash = live?.hostinfo.ServicesHash;
    if (typeof hash !== 'string' || hash === '') return hosting.report(device, []);
    const told = readAnswer(answer, await ask(CALL));
    const active = (told.VIPServices ?? []).filter((service) => service.Active === true);
    await hosting.report(
      device,
      active.map(({ Name }) => Name),
    );
  },
});
