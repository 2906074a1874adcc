/**
 * Where clients upload logs: `POST /c/<collection>/<secret id>`. Flow logs are kept. A client whose TS_LOG_TARGET is this
 * server sends its own log too; that is answered as if it were kept, since the client would send it again and again.
 */
import type { FastifyPluginAsync } from 'fastify';
import { sendError } from '../api/native/errors.ts';
import { FLOW_COLLECTION, MAX_UPLOAD_BYTES, readFlowRecords } from '../control/logtail/flow-records.ts';
import type { FlowLogIds } from '../domain/flow-logs/flow-log-ids.ts';
import type { FlowLogService } from '../domain/flow-logs/flow-log-service.ts';
import { AppError } from '../kernel/errors.ts';

export interface LogUploadParts {
  readonly ids: FlowLogIds;
  readonly flowLogs: Pick<FlowLogService, 'accept'>;
  readonly onDefect: (error: unknown) => void;
}

/** Uploads that are worked on at once; more are asked to come again. */
const MAX_RUNNING = 64;
const RETRY_AFTER_SECONDS = '5';

export const createLogUploads =
  ({ ids, flowLogs, onDefect }: LogUploadParts): FastifyPluginAsync =>
  async (server) => {
    let running = 0;
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
        if (running >= MAX_RUNNING) {
          void reply.header('retry-after', RETRY_AFTER_SECONDS);
          throw new AppError('unavailable', 'too many uploads at once');
        }
        running += 1;
        try {
          await flowLogs.accept(
            uploader,
            await readFlowRecords(body ?? Buffer.alloc(0), headers['content-encoding']),
          );
        } finally {
          running -= 1;
        }
        return {};
      },
    );
  };
