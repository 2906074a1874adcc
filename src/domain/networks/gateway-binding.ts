import type { Gateway } from '../model/networks.ts';

/** Whether a gateway has a device; one that joined with tokens that newer ones have ended is none. */
export const isBound = (gateway: Gateway): gateway is Gateway & { readonly device: number } =>
  gateway.device !== null && gateway.boundGeneration >= gateway.tokenGeneration;
