// What Twingate's Terraform provider asks, from what it was seen to send (contract, part 9): the same operations, arguments and
// selections, with variables declared once as it declares them when they have a value.

const PROTOCOLS =
  'protocols { udp { ports { start end } policy } tcp { ports { start end } policy } allowIcmp }';
const POLICY = 'securityPolicy { id name }';
const TERMS = 'approvalMode accessPolicy { durationSeconds mode }';
const ACCESS = `access(after: $accessEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage }
  edges { node { __typename ... on Group { id } ... on ServiceAccount { id } } ${POLICY} ${TERMS} } }`;
const RESOURCE = `... on NetworkResource { id name address { value } remoteNetwork { id } ${PROTOCOLS} isActive isVisible
  isBrowserShortcutEnabled alias ${POLICY} tags { key value } approvalMode routingMode
  accessPolicy { durationSeconds mode } } ${ACCESS}`;
const USERS = `users(after: $usersEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage }
  edges { node { id firstName lastName email role type state } } }`;
const GROUP = `id name isActive type ${USERS}`;
const PAGES = '$accessEndCursor: String, $pageLimit: Int!';
const USER_PAGES = '$usersEndCursor: String, $pageLimit: Int!';
const CONNECTOR =
  'id name remoteNetwork { id } hasStatusNotificationsEnabled hostname state version publicIP privateIPs';
const PROXIED = (
  type: string,
) => `id name address { value } remoteNetwork { id } ${PROTOCOLS} isVisible alias ${POLICY}
  tags { key value } ${TERMS} ${ACCESS} ... on ${type} { gateway { id } }`;
const PROFILE = `id name priority allowedDomains deniedDomains fallbackMethod groups(after: $groupsEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { id } } }
  privacyCategoryConfig { blockAffiliate blockDisguisedTrackers blockAdsAndTrackers } securityCategoryConfig { enableThreatIntelligenceFeeds enableGoogleSafeBrowsing
  blockCryptojacking blockIdnHomographs blockTyposquatting blockDnsRebinding blockNewlyRegisteredDomains blockDomainGenerationAlgorithms blockParkedDomains }
  contentCategoryConfig { blockGambling blockDating blockAdultContent blockSocialMedia blockGames blockStreaming blockPiracy enableYoutubeRestrictedMode enableSafeSearch }`;
const GATEWAY = 'id address remoteNetwork { id } x509CA { id } sshCA { id }';
const KEY = 'id name expiresAt status serviceAccount { id name }';
const USER = 'id firstName lastName email role type state';
const AUTHORITY =
  '__typename ... on X509CertificateAuthority { id name fingerprint } ... on SSHCertificateAuthority { id name fingerprint }';
const RESOURCE_ARGS = `name: $name, address: $address, remoteNetworkId: $remoteNetworkId, protocols: $protocols, isVisible: $isVisible,
  isBrowserShortcutEnabled: $isBrowserShortcutEnabled, alias: $alias, securityPolicyId: $securityPolicyId, routingMode: $routingMode, tags: $tags,
  approvalMode: $approvalMode, accessPolicy: $accessPolicy`;
const RESOURCE_VARS = `$accessPolicy: AccessPolicyInput, $address: String!, $alias: String, $approvalMode: AccessApprovalMode, $isBrowserShortcutEnabled: Boolean!,
  $isVisible: Boolean!, $name: String!, $protocols: ProtocolsInput, $remoteNetworkId: ID!, $routingMode: RoutingMode, $securityPolicyId: ID, $tags: [TagInput!]!`;
const PROXIED_VARS = `$accessPolicy: AccessPolicyInput, $address: String!, $alias: String, $approvalMode: AccessApprovalMode, $gatewayId: ID!, $isVisible: Boolean,
  $name: String!, $protocols: ProtocolsInput, $remoteNetworkId: ID!, $securityPolicyId: ID, $tags: [TagInput!]!`;
const PROXIED_ARGS = `name: $name, address: $address, gatewayId: $gatewayId, remoteNetworkId: $remoteNetworkId, isVisible: $isVisible, alias: $alias,
  securityPolicyId: $securityPolicyId, tags: $tags, protocols: $protocols, accessPolicy: $accessPolicy, approvalMode: $approvalMode`;
const PROXIED_ENTITY = `id name address { value } remoteNetwork { id } gateway { id } ${PROTOCOLS} isVisible alias ${POLICY} tags { key value } ${TERMS}`;

export const READ_RESOURCES = `query cache_readFullResources($resourcesEndCursor: String, ${PAGES}) {
  resources(after: $resourcesEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { ${RESOURCE} } } } }`;
export const READ_GROUPS = `query cache_readFullGroups($filter: GroupFilterInput, $groupsEndCursor: String, ${USER_PAGES}) {
  groups(filter: $filter, after: $groupsEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { ${GROUP} } } } }`;

export const TERRAFORM_DOCUMENTS: readonly string[] = [
  READ_RESOURCES,
  READ_RESOURCES.replace('$resourcesEndCursor: String,', '$resourcesEndCursor: String!,').replace(
    '$accessEndCursor: String,',
    '$accessEndCursor: String!,',
  ),
  READ_GROUPS,
  `query readFullResourcesByName($filter: ResourceFilterInput, $resourcesEndCursor: String, ${PAGES}) {
    resources(filter: $filter, after: $resourcesEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { ${RESOURCE} } } } }`,
  `query readResource($id: ID!, ${PAGES}) { resource(id: $id) { ${RESOURCE} } }`,
  `query readResource_readResourceAccessAfter($id: ID!, $accessEndCursor: String!, $pageLimit: Int!) { resource(id: $id) { id ${ACCESS} } }`,
  `query readResources($resourcesEndCursor: String, $pageLimit: Int!) { resources(after: $resourcesEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage }
    edges { node { __typename id name } } } }`,
  `mutation createResource(${RESOURCE_VARS}, ${PAGES}) { resourceCreate(${RESOURCE_ARGS}) { entity { ${RESOURCE} } ok error } }`,
  `mutation updateResource($id: ID!, $isActive: Boolean!, ${RESOURCE_VARS}, ${PAGES}) { resourceUpdate(id: $id, isActive: $isActive, ${RESOURCE_ARGS}) { entity { ${RESOURCE} } ok error } }`,
  'mutation updateResource($id: ID!, $isActive: Boolean!) { resourceUpdate(id: $id, isActive: $isActive) { ok error } }',
  'mutation deleteResource($id: ID!) { resourceDelete(id: $id) { ok error } }',
  'mutation updateResourceAccess($id: ID!, $access: [AccessInput!]!) { resourceAccessAdd(resourceId: $id, access: $access) { ok error } }',
  'mutation deleteResourceAccess($id: ID!, $principalIds: [ID!]!) { resourceAccessRemove(resourceId: $id, principalIds: $principalIds) { ok error } }',
  ...[
    ['sshResource', 'SSHResource'],
    ['kubernetesResource', 'KubernetesResource'],
  ].flatMap(([field = '', type = '']) => [
    `query read($id: ID!, ${PAGES}) { resource(id: $id) { ${PROXIED(type)} } }`,
    `mutation create(${PROXIED_VARS}) { ${field}Create(${PROXIED_ARGS}) { entity { ${PROXIED_ENTITY} } ok error } }`,
    `mutation update($id: ID!, ${PROXIED_VARS}) { ${field}Update(id: $id, ${PROXIED_ARGS}) { entity { ${PROXIED_ENTITY} } ok error } }`,
  ]),
  'mutation createRemoteNetwork($isActive: Boolean!, $location: RemoteNetworkLocation!, $name: String!, $networkType: RemoteNetworkType!) { remoteNetworkCreate(name: $name, isActive: $isActive, location: $location, networkType: $networkType) { entity { id name location networkType } ok error } }',
  'mutation updateRemoteNetwork($id: ID!, $location: RemoteNetworkLocation!, $name: String) { remoteNetworkUpdate(id: $id, name: $name, location: $location) { entity { id name location networkType } ok error } }',
  'mutation deleteRemoteNetwork($id: ID!) { remoteNetworkDelete(id: $id) { ok error } }',
  'query readRemoteNetworkByID($id: ID!) { remoteNetwork(id: $id) { id name location networkType } }',
  'query readRemoteNetworkByName($name: String!) { remoteNetworks(filter: {name: {eq: $name}}) { edges { node { id name location networkType } } } }',
  'query readRemoteNetworks($filter: RemoteNetworkFilterInput, $remoteNetworksEndCursor: String, $pageLimit: Int!) { remoteNetworks(filter: $filter, after: $remoteNetworksEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { id name location networkType } } } }',
  `mutation createConnector($remoteNetworkId: ID!, $connectorName: String, $hasStatusNotificationsEnabled: Boolean) { connectorCreate(remoteNetworkId: $remoteNetworkId, name: $connectorName, hasStatusNotificationsEnabled: $hasStatusNotificationsEnabled) { entity { ${CONNECTOR} } ok error } }`,
  `mutation updateConnector($connectorId: ID!, $connectorName: String, $hasStatusNotificationsEnabled: Boolean) { connectorUpdate(id: $connectorId, name: $connectorName, hasStatusNotificationsEnabled: $hasStatusNotificationsEnabled) { entity { ${CONNECTOR} } ok error } }`,
  'mutation deleteConnector($id: ID!) { connectorDelete(id: $id) { ok error } }',
  `query readConnector($id: ID!) { connector(id: $id) { ${CONNECTOR} } }`,
  `query readConnectors($filter: ConnectorFilterInput, $connectorsEndCursor: String, $pageLimit: Int!) { connectors(filter: $filter, after: $connectorsEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { ${CONNECTOR} } } } }`,
  'mutation generateConnectorTokens($connectorId: ID!) { connectorGenerateTokens(connectorId: $connectorId) { connectorTokens { accessToken refreshToken } ok error } }',
  `mutation createGroup($name: String!, $userIds: [ID!]!, ${USER_PAGES}) { groupCreate(name: $name, userIds: $userIds) { entity { ${GROUP} } ok error } }`,
  `mutation updateGroup($id: ID!, $name: String!, $addedUserIds: [ID!]!, ${USER_PAGES}) { groupUpdate(id: $id, name: $name, addedUserIds: $addedUserIds) { entity { ${GROUP} } ok error } }`,
  `mutation updateGroup($id: ID!, $removedUserIds: [ID!]!, ${USER_PAGES}) { groupUpdate(id: $id, removedUserIds: $removedUserIds) { entity { ${GROUP} } ok error } }`,
  'mutation deleteGroup($id: ID!) { groupDelete(id: $id) { ok error } }',
  `query readGroup($id: ID!, ${USER_PAGES}) { group(id: $id) { ${GROUP} } }`,
  'mutation createServiceAccount($name: String!) { serviceAccountCreate(name: $name) { entity { id name } ok error } }',
  'mutation updateServiceAccount($id: ID!, $name: String!, $addedResourceIds: [ID!]!) { serviceAccountUpdate(id: $id, name: $name, addedResourceIds: $addedResourceIds) { entity { id name } ok error } }',
  'mutation deleteServiceAccount($id: ID!) { serviceAccountDelete(id: $id) { ok error } }',
  'query readServiceAccount($id: ID!) { serviceAccount(id: $id) { id name } }',
  `query readServiceAccounts($filter: ServiceAccountFilterInput, $serviceAccountsEndCursor: String, $resourcesEndCursor: String, $keysEndCursor: String, $pageLimit: Int!) {
    serviceAccounts(filter: $filter, after: $serviceAccountsEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { id name
      resources(after: $resourcesEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { id isActive } } }
      keys(after: $keysEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { id status } } } } } } }`,
  `mutation createServiceKey($expirationTime: Int!, $name: String, $serviceAccountId: ID!) { serviceAccountKeyCreate(expirationTime: $expirationTime, serviceAccountId: $serviceAccountId, name: $name) { entity { ${KEY} } ok error token } }`,
  `mutation updateServiceKey($id: ID!, $name: String!) { serviceAccountKeyUpdate(id: $id, name: $name) { entity { ${KEY} } ok error } }`,
  `mutation revokeServiceKey($id: ID!) { serviceAccountKeyRevoke(id: $id) { entity { ${KEY} } ok error } }`,
  'mutation deleteServiceKey($id: ID!) { serviceAccountKeyDelete(id: $id) { ok error } }',
  `query readServiceKey($id: ID!) { serviceAccountKey(id: $id) { ${KEY} } }`,
  `mutation createUser($email: String!, $firstName: String, $lastName: String, $role: UserRole!) { userCreate(email: $email, firstName: $firstName, lastName: $lastName, role: $role) { entity { ${USER} } ok error } }`,
  `mutation updateUser($id: ID!, $firstName: String, $lastName: String, $state: UserStateUpdateInput) { userDetailsUpdate(id: $id, firstName: $firstName, lastName: $lastName, state: $state) { entity { ${USER} } ok error } }`,
  `mutation updateUser($id: ID!, $role: UserRole!) { userRoleUpdate(id: $id, role: $role) { entity { ${USER} } ok error } }`,
  'mutation deleteUser($id: ID!) { userDelete(id: $id) { ok error } }',
  `query readUser($id: ID!) { user(id: $id) { ${USER} } }`,
  `query readUsers($filter: UserFilterInput, $usersEndCursor: String, $pageLimit: Int!) { users(filter: $filter, after: $usersEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { ${USER} } } } }`,
  'query readSecurityPolicy($id: ID, $name: String) { securityPolicy(id: $id, name: $name) { id name } }',
  'query readSecurityPolicies($filter: SecurityPolicyFilterField, $policiesEndCursor: String, $pageLimit: Int!) { securityPolicies(filter: $filter, after: $policiesEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { id name } } } }',
  `mutation createProfile($name: String!, $groupsEndCursor: String, $pageLimit: Int!) { dnsFilteringProfileCreate(name: $name) { entity { ${PROFILE} } ok error } }`,
  `mutation updateProfile($id: ID!, $name: String, $priority: Float, $allowedDomains: [String!]!, $deniedDomains: [String!]!, $fallbackMethod: DohFallbackMethod!, $groups: [String!]!, $privacyCategoryConfig: PrivacyCategoryConfigInput,
    $securityCategoryConfig: SecurityCategoryConfigInput, $contentCategoryConfig: ContentCategoryConfigInput, $groupsEndCursor: String, $pageLimit: Int!) { dnsFilteringProfileUpdate(id: $id, name: $name, priority: $priority, allowedDomains: $allowedDomains,
    deniedDomains: $deniedDomains, fallbackMethod: $fallbackMethod, groups: $groups, privacyCategoryConfig: $privacyCategoryConfig, securityCategoryConfig: $securityCategoryConfig, contentCategoryConfig: $contentCategoryConfig) { entity { ${PROFILE} } ok error } }`,
  'mutation deleteProfile($id: ID!) { dnsFilteringProfileDelete(id: $id) { ok error } }',
  `query readProfile($id: ID!, $groupsEndCursor: String, $pageLimit: Int!) { dnsFilteringProfile(id: $id) { ${PROFILE} } }`,
  'query readProfiles { dnsFilteringProfiles { id name priority } }',
  `mutation createGateway($address: String!, $remoteNetworkId: ID!, $x509CAId: ID!, $sshCAId: ID) { gatewayCreate(address: $address, remoteNetworkId: $remoteNetworkId, x509CAId: $x509CAId, sshCAId: $sshCAId) { entity { ${GATEWAY} } ok error } }`,
  `mutation updateGateway($id: ID!, $address: String!, $remoteNetworkId: ID!, $x509CAId: ID!, $sshCAId: ID) { gatewayUpdate(id: $id, address: $address, remoteNetworkId: $remoteNetworkId, x509CAId: $x509CAId, sshCAId: $sshCAId) { entity { ${GATEWAY} } ok error } }`,
  'mutation deleteGateway($id: ID!) { gatewayDelete(id: $id) { ok error } }',
  `query readGateway($id: ID!) { gateway(id: $id) { ${GATEWAY} } }`,
  'mutation createX509($name: String!, $certificate: String!) { x509CertificateAuthorityCreate(name: $name, certificate: $certificate) { entity { id name fingerprint } ok error } }',
  'mutation createSsh($name: String!, $publicKey: String!) { sshCertificateAuthorityCreate(name: $name, publicKey: $publicKey) { entity { id name fingerprint } ok error } }',
  'mutation deleteX509($id: ID!) { x509CertificateAuthorityDelete(id: $id) { ok error } }',
  'mutation deleteSsh($id: ID!) { sshCertificateAuthorityDelete(id: $id) { ok error } }',
  `query readAuthority($id: ID!) { certificateAuthority(id: $id) { ${AUTHORITY} } }`,
  `query readAuthorities($certificateAuthoritiesEndCursor: String, $pageLimit: Int!) { certificateAuthorities(after: $certificateAuthoritiesEndCursor, first: $pageLimit) { pageInfo { endCursor hasNextPage } edges { node { ${AUTHORITY} } } } }`,
  'query readOidcUrl { eventsSyncOidcProviderUrl }',
];
