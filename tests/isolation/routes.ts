/** What is known of routes beside what they declare. */

/** Operations that anybody may call. Whatever is not here must ask for a credential. */
export const PUBLIC: readonly string[] = [
  'native.health.live',
  'native.health.ready',
  'native.page.home',
  'native.page.approval',
  'native.page.first-run-script',
  'native.page.first-device',
  'native.page.first-device-script',
  'native.page.style',
  'native.page.icon',
  'native.first-run.create',
  'native.sign-in.page',
  'native.sign-in.submit',
  'native.sign-in.factor',
  // Passkeys are shown before anybody is known.
  'native.passkey.script',
  'native.passkey.sign-in',
  'native.sign-in.factor.passkey',
  // A gateway's agent shows the gateway's own token, which is no credential of an API.
  'native.gateway-agent.clients',
  'native.gateway-agent.hello',
  'native.gateway-agent.report',
  // The link of a mail is its own proof.
  'native.contact.page',
  'native.contact.verify',
  'native.sso.start',
  'native.sso.callback',
  'native.sso.initiate',
  'native.invitation.page',
  'native.invitation.accept',
  'native.invitation.passkey',
  'native.invitation.sso',
  'native.join.page',
  'native.join.accept',
  'native.join.passkey',
  'native.join.sso',
  'native.password-link.page',
  'native.password-link.use',
  'tailscale.oauth.token',
  'tailscale.oauth.exchange',
  'twingate.connector.validate-tokens',
  'twingate.graphql.get',
  'netmaker.authenticate',
  'netmaker.sso.callback',
  // A program's link: it leads on to the provider, where its person signs in.
  'netmaker.sso.register',
  'netmaker.sso.register-confirmed',
  'netmaker.sso.login',
  'netmaker.totp.verify',
  'netmaker.invites.verify',
  'netmaker.invites.sign-up',
  'netmaker.hassuperadmin',
  'netmaker.hasadmin',
  'netmaker.createsuperadmin',
  'netmaker.server.status',
  'netmaker.server.health',
  'netmaker.server.feature-flags',
  'keycard.invitation-links.get',
  'keycard.service-account-token',
  'keycard.discovery.keys',
  'keycard.discovery.metadata',
  'native.device-identity.metadata',
  'native.device-identity.keys',
];

/** Operations that devices use: they prove themselves in another way, or there is nothing to prove. */
export const OF_DEVICES: readonly string[] = [
  'control.key',
  'control.no-upgrade',
  'control.log-upload',
  'relay.generate204',
  'relay.verify',
];

/** Pages take a cookie, so a token is nobody there; they send the caller to sign in. */
export const isPage = (operation: string): boolean =>
  operation.startsWith('native.') && !operation.startsWith('native.api.');

/** Parameters that say which organization, and how one's own is called there. */
export const TENANT: Readonly<Record<string, (organization: { readonly label: string }) => string>> = {
  tailnet: () => '-',
  organizationId: ({ label }) => label,
};

const PARAMETER = /:([A-Za-z]+)|\*/gu;

/** The path with its parameters filled in; each is a segment of its own. */
export const fill = (url: string, value: (name: string) => string): string =>
  url.replace(PARAMETER, (_all, name: string | undefined) =>
    name === undefined ? 'no/such/thing/at/all/and/never/was' : encodeURIComponent(value(name)),
  );

export const parametersOf = (url: string): string[] =>
  [...url.matchAll(PARAMETER)].flatMap(([, name]) => name ?? []);
