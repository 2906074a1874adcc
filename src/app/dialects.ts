/** The admin APIs that are mounted on the one origin, each as a plugin with its own error form. */
import type { FastifyInstance } from 'fastify';
import type { Services } from './services.ts';

export interface Dialect {
  readonly name: string;
  mount(server: FastifyInstance, services: Services): void;
}

export const dialects: readonly Dialect[] = [];
