/**
 * Figures for Prometheus. Every label has a bounded set of values: operations are those of the route tables, statuses are
 * classes; no organization, device or person is ever a label.
 */
import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Engine } from '../store/engine.ts';

const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DATABASE_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];
const NANOSECONDS = 1e9;
const MILLISECONDS = 1e3;
/** Requests to paths that no operation has. */
const NO_OPERATION = 'none';

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** Counts the requests of a server. */
  watchServer(server: FastifyInstance): void;
  /** The same engine, with its calls timed. */
  watchEngine(engine: Engine): Engine;
  /** A figure that is read when it is asked for. */
  gauge(name: string, help: string, read: () => number): void;
}

export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'holdfast_build_info',
    help: 'The version that runs; always 1.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
  const requests = new Histogram({
    name: 'holdfast_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its answer.',
    labelNames: ['operation', 'status'] as const,
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const database = new Histogram({
    name: 'holdfast_database_duration_seconds',
    help: 'Time of statements outside transactions, and of whole transactions.',
    labelNames: ['kind'] as const,
    buckets: DATABASE_BUCKETS,
    registers,
  });
  const databaseErrors = new Counter({
    name: 'holdfast_database_errors_total',
    help: 'Statements and transactions that failed.',
    labelNames: ['kind'] as const,
    registers,
  });

  const timed = async <T>(kind: 'read' | 'transaction', call: () => Promise<T>): Promise<T> => {
    const begin = process.hrtime.bigint();
    try {
      return await call();
    } catch (error) {
      databaseErrors.inc({ kind });
      throw error;
    } finally {
      database.observe({ kind }, Number(process.hrtime.bigint() - begin) / NANOSECONDS);
    }
  };

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    watchServer: (server) => {
      server.addHook('onResponse', (request, reply, done) => {
        const operation = request.routeOptions.config.operation ?? NO_OPERATION;
        const status = `${Math.floor(reply.statusCode / 100)}xx`;
        requests.observe({ operation, status }, reply.elapsedTime / MILLISECONDS);
        done();
      });
    },
    watchEngine: (engine) => ({
      ...engine,
      run: (sql, parameters) => timed('read', () => engine.run(sql, parameters)),
      transaction: (work) => timed('transaction', () => engine.transaction(work)),
      unitOfWork: (unit) => timed('transaction', () => engine.unitOfWork(unit)),
    }),
    gauge: (name, help, read) => {
      new Gauge({
        name,
        help,
        registers,
        collect(this: Gauge): void {
          this.set(read());
        },
      });
    },
  };
}
