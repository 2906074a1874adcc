/**
 * Where clients upload logs: `POST /c/<collection>/<secret id>`. Flow logs are kept. A client whose TS_LOG_TARGET is this
 * server sends its own log too; that is answered as if it were kept, since the client would send it again and again.
 */
import type { FastifyPluginAsync } from 'fastify';
import { sendError } from '../api/native/errors.ts';
import { FLOW_COLLECTION, MAX_UPLOAD_BYTES, readFlowRecords } from '../control/logtail/flow-records.ts';
import type { FlowLogIds } from '../domain/flow-logs/flow-log-ids.ts';
import type { FlowLogService } from '../domain/flow-logs/flow-log-service.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { createTokenBuckets } from '../kernel/token-buckets.ts';

export interface LogUploadParts {
  readonly ids: FlowLogIds;
  readonly flowLogs: Pick<FlowLogService, 'accept'>;
  readonly clock: Clock;
  readonly onDefect: (error: unknown) => void;
}

/** Uploads that are worked on at once; more are asked to come again. */
const MAX_RUNNING = 64;
const RETRY_AFTER_SECONDS = '5';

/** Clients upload what five seconds held; who was away for long has more to say, and says it in few uploads. */
const UPLOADS = { depth: 60, perSecond: 1 };
/** Of what is kept, which is larger than what was sent: some 2,500 connections a second. */
const BYTES = { depth: 32 * 1024 * 1024, perSecond: 256 * 1024 };
const MAX_DEVICES = 20_000;
const REFUSAL = 'this device uploads too much';

export const createLogUploads =
  ({ ids, flowLogs, clock, onDefect }: LogUploadParts): FastifyPluginAsync =>
  async (server) => {
    let running = 0;
    const uploads = createTokenBuckets({ ...UPLOADS, clock, capacity: MAX_DEVICES, refusal: REFUSAL });
    const bytes = createTokenBuckets({ ...BYTES, clock, capacity: MAX_DEVICES, refusal: REFUSAL });
    server.removeAllContentTypeParsers();
    server.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: MAX_UPLOAD_BYTES },
      (_request, body, done) => done(null, body),
    );
    server.setErrorHandler((error, _request, reply) => sendError(reply, error, onDefect));
    server.post<{ Params: { collection: string; id: string }; Body: Buffer | undefined }>(
      '/c/:collection/:id',
      { config: { operation: 'control.log-upload' } },
      async ({ params, body, headers }, reply) => {
        if (params.collection !== FLOW_COLLECTION) return {};
        const uploader = ids.deviceOf(params.id);
        if (uploader === undefined) throw new AppError('not_found', 'unknown log id');
        const device = `${uploader.org}/${uploader.device}`;
        uploads.take(device);
        if (running >= MAX_RUNNING) {
          void reply.header('retry-after', RETRY_AFTER_SECONDS);
          throw new AppError('unavailable', 'too many uploads at once');
        }
        running += 1;
        try {
          const records = await readFlowRecords(body ?? Buffer.alloc(0), headers['content-encoding']);
          const size = records.reduce((sum, { traffic }) => sum + traffic.length, 0);
          bytes.take(device, size);
          await flowLogs.accept(uploader, records);
        } finally {
          running -= 1;
        }
        return {};
      },
    );
  };
