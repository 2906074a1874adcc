/** What devices may ask for beside joining and the map. What is missing here is answered with 404, which clients bear. */
import { constants } from 'node:http2';
import { z } from 'zod';
import { type CertificateLack, LACK_SENTENCES } from '../../domain/certificates/certificate-names.ts';
import type { Challenges } from '../../domain/certificates/challenge-service.ts';
import type { DeviceIdentity } from '../../domain/devices/device-identity.ts';
import type { DisconnectReports } from '../../domain/devices/disconnect-reports.ts';
import type { OwnAttributes } from '../../domain/devices/own-attributes.ts';
import type { RecordingReports } from '../../domain/ssh-checks/recording-reports.ts';
import type { Clock } from '../../kernel/clock.ts';
import { createTokenBuckets } from '../../kernel/token-buckets.ts';
import { CLIENT_ANSWER_PATH, type ClientCalls } from '../c2n/client-calls.ts';
import { wireText } from '../hostinfo-schema.ts';
import type { Hubs } from '../hubs.ts';
import { lackOf } from '../map/certificates.ts';
import type { createMapHandler } from '../map/map-handler.ts';
import type { RegisterHandler } from '../register/register-handler.ts';
import { mapRequest, nodeKey, registerRequest } from '../requests.ts';
import { answerJson, answerText, endOf, parseJson } from './answers.ts';
import { idTokenRoute } from './id-token.ts';
import { createOwnNode } from './own-node.ts';
import { plainText } from './plain-text.ts';
import type { MachineRoute } from './router.ts';
import { sshNotifyRoute } from './ssh-notify.ts';

export interface MachineRoutesParts {
  readonly register: RegisterHandler;
  readonly map: ReturnType<typeof createMapHandler>;
  readonly hubs: Pick<Hubs, 'find'>;
  readonly calls: Pick<ClientCalls, 'answer'>;
  readonly disconnects: DisconnectReports;
  readonly attributes: OwnAttributes;
  readonly challenges: Challenges;
  readonly identity: DeviceIdentity;
  readonly recordings: RecordingReports;
  /** The origin that people open; undefined: the one that a device called. */
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
}

const MAX_DETAILS = 1_024;
/** Each is a line in the audit log, and people disconnect no more often than that. Clients send it again on this refusal. */
const REPORTS = { depth: 20, perSecond: 0.2, capacity: 10_000, refusal: 'too many reports' };
const MAX_DNS_TEXT = 255;
const MAX_RECORD_TYPE = 16;
const auditRequest = z.object({
  NodeKey: nodeKey,
  Action: z.literal('DISCONNECT_NODE'),
  Details: z.string().nullish(),
});
const featureRequest = z.object({ NodeKey: nodeKey, Feature: wireText(64) });
const setDnsRequest = z.object({
  NodeKey: nodeKey,
  Name: wireText(MAX_DNS_TEXT),
  Type: wireText(MAX_RECORD_TYPE),
  Value: wireText(MAX_DNS_TEXT),
});

const MAX_ATTRIBUTES = 50;
const MAX_ATTRIBUTE_TEXT = 255;
const setAttributesRequest = z.object({
  NodeKey: nodeKey,
  Update: z
    .record(
      z.string().max(MAX_ATTRIBUTE_TEXT),
      z.union([z.string().max(MAX_ATTRIBUTE_TEXT), z.number(), z.boolean(), z.null()]),
    )
    .refine((update) => Object.keys(update).length <= MAX_ATTRIBUTES, `at most ${MAX_ATTRIBUTES} at once`),
});

/** What `tailscale serve` and `tailscale funnel` say when somebody asks for what is not to be had (shown as it is). */
const NO_FUNNEL =
  'Publishing to the internet is not offered by this control server. Serve inside the network instead: tailscale serve.\n';
const PLAIN_SERVE = 'Serve over plain HTTP or TCP instead: tailscale serve --http=80 or --tcp=PORT.';

/** @param lack why there are no certificates */
function featureAnswer(feature: string, lack: CertificateLack | undefined): object {
  const no = (Text: string) => ({ Complete: false, Text, URL: '', ShouldWait: false });
  if (feature !== 'serve') return no(NO_FUNNEL);
  if (lack !== undefined) return no(`${LACK_SENTENCES[lack]} ${PLAIN_SERVE}\n`);
  return { Complete: true, Text: '', URL: '', ShouldWait: false };
}

export function machineRoutes(parts: MachineRoutesParts): readonly MachineRoute[] {
  const { register, map, hubs, calls, disconnects, attributes, challenges, identity } = parts;
  const { recordings, publicUrl, clock } = parts;

  const ownNode = createOwnNode(hubs);
  const reports = createTokenBuckets({ ...REPORTS, clock });

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
        const { device } = found.facts;
        reports.take(`${device.org}/${device.id}`);
        await disconnects.report(device, plainText(request.Details ?? '', MAX_DETAILS));
        answerText(call.stream, constants.HTTP_STATUS_OK, '');
      },
    },
    {
      // Posture attributes that the device has of itself (the client's local API offers it as an experiment). Null removes.
      method: 'PATCH',
      path: '/machine/set-device-attr',
      handle: async (call) => {
        const request = parseJson(setAttributesRequest, await call.body());
        const found = await ownNode(call, request.NodeKey);
        if (found === undefined) return;
        await attributes.set(found.facts.device, request.Update);
        answerJson(call.stream, {});
      },
    },
    {
      method: 'POST',
      path: '/machine/feature/query',
      handle: async (call) => {
        const request = parseJson(featureRequest, await call.body());
        const found = await ownNode(call, request.NodeKey);
        if (found === undefined) return;
        const lack = lackOf(found.hub.snapshot, challenges.domain());
        answerJson(call.stream, featureAnswer(request.Feature, lack));
      },
    },
    {
      // What a client publishes to get a certificate for its name. It goes on to the authority as soon as this is answered.
      method: 'POST',
      path: '/machine/set-dns',
      handle: async (call) => {
        const request = parseJson(setDnsRequest, await call.body());
        const found = await ownNode(call, request.NodeKey);
        if (found === undefined) return;
        const { org, id: device } = found.facts.device;
        const { Name: name, Type: type, Value: value } = request;
        await challenges.set({ org, device, name, type, value });
        answerJson(call.stream, {});
      },
    },
    idTokenRoute({ ownNode, identity, publicUrl, clock }),
    sshNotifyRoute({ ownNode, recordings, clock }),
  ];
}
