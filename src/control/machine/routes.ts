/** What devices may ask for beside joining and the map. What is missing here is answered with 404, which clients bear. */
import { constants } from 'node:http2';
import { z } from 'zod';
import type { DisconnectReports } from '../../domain/devices/disconnect-reports.ts';
import { CLIENT_ANSWER_PATH, type ClientCalls } from '../c2n/client-calls.ts';
import { wireText } from '../hostinfo-schema.ts';
import type { Found, Hubs } from '../hubs.ts';
import type { createMapHandler } from '../map/map-handler.ts';
import type { RegisterHandler } from '../register/register-handler.ts';
import { mapRequest, nodeKey, registerRequest } from '../requests.ts';
import { answerJson, answerText, endOf, parseJson } from './answers.ts';
import type { MachineCall, MachineRoute } from './router.ts';

export interface MachineRoutesParts {
  readonly register: RegisterHandler;
  readonly map: ReturnType<typeof createMapHandler>;
  readonly hubs: Pick<Hubs, 'find'>;
  readonly calls: Pick<ClientCalls, 'answer'>;
  readonly disconnects: DisconnectReports;
}

const MAX_DETAILS = 1_024;
const auditRequest = z.object({
  NodeKey: nodeKey,
  Action: z.literal('DISCONNECT_NODE'),
  Details: wireText(MAX_DETAILS).nullish(),
});
const featureRequest = z.object({ NodeKey: nodeKey, Feature: wireText(64) });

/** What `tailscale serve` and `tailscale funnel` say when somebody asks for them (the text is shown as it is). */
const NOT_OFFERED =
  'Publishing to the internet and certificates for device names are not offered by this control server. Serve over plain HTTP or TCP inside the network instead: tailscale serve --http=80 or --tcp=PORT.\n';

export function machineRoutes(parts: MachineRoutesParts): readonly MachineRoute[] {
  const { register, map, hubs, calls, disconnects } = parts;

  /** The node of a request, if it belongs to the machine at the other end; one answer for all that is not so. */
  const ownNode = async ({ context, stream }: MachineCall, key: string): Promise<Found | undefined> => {
    const found = await hubs.find(key);
    if (found?.facts.device.machineKey === context.machineKey) return found;
    answerText(stream, constants.HTTP_STATUS_NOT_FOUND, 'node not found');
    return undefined;
  };

  return [
    {
      method: 'POST',
      path: '/machine/register',
      handle: async ({ context, stream, body }) => {
        const request = parseJson(registerRequest, await body());
        const answer = await register(context, request, endOf(stream));
        if (answer !== undefined) answerJson(stream, answer);
      },
    },
    {
      method: 'POST',
      path: '/machine/map',
      handle: async ({ context, stream, body }) => {
        const request = parseJson(mapRequest, await body());
        const answer = await map(context, stream, request);
        if (answer === 'streaming') return;
        if (answer === 'empty') answerText(stream, constants.HTTP_STATUS_OK, '');
        else answerText(stream, answer.status, answer.text);
      },
    },
    {
      method: 'POST',
      path: `${CLIENT_ANSWER_PATH}{token}`,
      handle: async ({ context, stream, params, body }) => {
        const known = calls.answer(params.token ?? '', context.machineKey, await body());
        answerText(stream, known ? constants.HTTP_STATUS_OK : constants.HTTP_STATUS_NOT_FOUND, '');
      },
    },
    {
      method: 'GET',
      path: '/machine/whoami',
      handle: async ({ context, stream }) => answerText(stream, constants.HTTP_STATUS_OK, context.machineKey),
    },
    {
      // Clients before 1.60 or so; newer ones keep their health to themselves.
      method: 'POST',
      path: '/machine/update-health',
      handle: async ({ stream }) => answerText(stream, constants.HTTP_STATUS_NO_CONTENT, ''),
    },
    {
      // A person disconnected a device whose policy asks for a reason. Clients send it again until it is taken.
      method: 'POST',
      path: '/machine/audit-log',
      handle: async (call) => {
        const request = parseJson(auditRequest, await call.body());
        const found = await ownNode(call, request.NodeKey);
        if (found === undefined) return;
        await disconnects.report(found.facts.device, request.Details ?? '');
        answerText(call.stream, constants.HTTP_STATUS_OK, '');
      },
    },
    {
      method: 'POST',
      path: '/machine/feature/query',
      handle: async (call) => {
        const request = parseJson(featureRequest, await call.body());
        if ((await ownNode(call, request.NodeKey)) === undefined) return;
        answerJson(call.stream, { Complete: false, Text: NOT_OFFERED, URL: '', ShouldWait: false });
      },
    },
  ];
}
