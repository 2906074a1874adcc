/**
 * The policy engine: what each device of an organization may reach, see and be told. Pure: no database, clock, network.
 *
 * From text to policy
 *   parsePolicy(text) -> Policy               throws PolicyError (message of the real service, line, column)
 *   validatePolicy(policy, context)           throws PolicyError: unknown names, things in the wrong place
 *   placedMessage(error)                      its message with the place in front, as people want it
 *   policyWarnings(policy, context) -> string[]
 *   contextOf(engine.core)                    the context of an engine's organization
 *
 * The engine of one organization
 *   engine = createPolicyEngine({ settings, policy? })   without a policy everything may reach everything
 *   changes = engine.apply(change)            one change of the world or the policy, see `Change`; each carries the whole
 *   changes = engine.applyAll(changes)        new state of its subject (`{ kind: 'device', device }`, …). Idempotent.
 *   ChangeSet: filters, ssh, self: sets of devices whose own output is different now;
 *              viewers: devices whose standing changed: compare all their peers by the identity of `view`;
 *              subjects(): for all other viewers, which device looks different (or appeared, or vanished) to whom.
 *              Read a ChangeSet before the next `apply`: its sets are windows on the engine, not copies.
 *   engine.filter(id).rules                   packet filter; equal content is the same object where devices can share it,
 *                                             and an unchanged filter stays the same object
 *   engine.ssh(id).rules                      without the action's URL, which is the control plane's
 *   engine.self(id)                           own allowedIPs, primaryRoutes, capMap (node attributes)
 *   engine.peers(id)                          ids it sees, ascending; engine.sees(viewer, peer) decides one pair at once
 *   engine.view(viewer, peer)                 allowedIPs, primaryRoutes, capMap of a peer as this viewer gets them; the
 *                                             same object for all viewers that get the same, until it changes
 *   engine.viewerClass(id)                    equal numbers: byte-identical views of every third device
 *
 * Tests that gate the save
 *   runTests(engine.core), runSshTests(engine.core) -> failures per test, for an engine with the new policy
 *
 * Before a change is made
 *   impactOf(engine, changes) -> Impact       traffic, routes and SSH logins gained and lost, over live devices, grouped
 *   capabilityImpact(before, after), attributeImpact(before, after)
 *                                             what applications and clients are told
 *   createThings(engine.core).among(devices, texts)
 *                                             what addresses behind devices are: resources, services, hosts, routes, …
 *   engine.fork(changes)                      an engine of its own with the changes applied
 *
 * Questions
 *   explain(engine, { source, target, protocol, port }) -> for each pair of devices: allowed or not, by which rule, edge or
 *                                             role; else the closest rules and what each lacks; the path it takes
 *   preview(engine.core, 'user' | 'ipport', text) -> the rules that concern it, with their lines
 *
 * Inputs carry who is primary for a prefix (`primary` changes) and the attributes that hold now (expiry is a `device`
 * change). Approved routes of a device are manual and automatic ones together; see autoApproved.
 */

export {
  type Actor,
  addressPools,
  autoApproved,
  autoApprovedService,
  forbiddenTags,
} from './approve.ts';
export type { Policy } from './ast.ts';
export { isUnresolved } from './compile/networks.ts';
export type { Origin } from './compile/unit.ts';
export type { Change, ChangeSet, DeviceSet, SubjectChange } from './engine/change.ts';
export { createPolicyEngine, type EngineOptions, type PolicyEngine } from './engine/engine.ts';
export type * from './engine/output.ts';
export { PolicyError, placedMessage } from './errors.ts';
export { contextOf } from './evaluate/context.ts';
export { type BrokenDenial, brokenDenials } from './evaluate/denials.ts';
export { runSshTests } from './evaluate/ssh-tests.ts';
export { runTests, type TestFailure } from './evaluate/tests.ts';
export {
  type Explanation,
  explain,
  type Question,
  type RuleReport,
  type Verdict,
} from './explain/explain.ts';
export type { Lack } from './explain/lack.ts';
export { NOT_RESOLVED, type Place, type Problem, type Resolution } from './explain/places.ts';
export { type PreviewMatch, type PreviewType, preview } from './explain/preview.ts';
export { type SshLogin, sshLogins } from './explain/ssh.ts';
export {
  type AttributeImpact,
  attributeImpact,
  type CapabilityImpact,
  capabilityImpact,
} from './impact/grants.ts';
export {
  type FlowText,
  type Impact,
  type ImpactGroup,
  impactBetween,
  impactOf,
  type SshImpact,
} from './impact/impact.ts';
export type { RouteImpact } from './impact/routes.ts';
export {
  type CarriedRoute,
  createThings,
  type Thing,
  type ThingBehind,
  type Things,
} from './impact/things.ts';
export { parsePolicy, parseTestList } from './parse/policy.ts';
export { protocolNumber } from './parse/ports.ts';
export { parseSelector } from './parse/selector.ts';
export { conditionProblem } from './posture.ts';
export { FIRST_DEVICE_RANGE, INTERNET_RANGES } from './ranges.ts';
export { type Relays, relaysOf, withRelays } from './relays.ts';
export {
  EMPTY_CONTEXT,
  policyWarnings,
  type ValidationContext,
  validatePolicy,
} from './validate/index.ts';
export type * from './world.ts';
export { DEFAULT_SETTINGS } from './world.ts';
