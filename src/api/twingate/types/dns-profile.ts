/** DNS filtering profiles. The categories and their switches are the names of the model. */
import type { DnsFilterProfile, FilterCategories } from '../../../domain/model/configuration.ts';
import { through } from '../../../domain/ports/store.ts';
import { type FieldResolvers, fieldsOf } from '../context.ts';
import { type DirectRelated, directConnection } from '../direct-connection.ts';
import { groupFilter } from '../filters.ts';
import { encodeGlobalId } from '../global-id.ts';

export const SWITCHES = {
  privacy: ['blockAffiliate', 'blockDisguisedTrackers', 'blockAdsAndTrackers'],
  security: [
    'enableThreatIntelligenceFeeds',
    'enableGoogleSafeBrowsing',
    'blockCryptojacking',
    'blockIdnHomographs',
    'blockTyposquatting',
    'blockDnsRebinding',
    'blockNewlyRegisteredDomains',
    'blockDomainGenerationAlgorithms',
    'blockParkedDomains',
  ],
  content: [
    'blockGambling',
    'blockDating',
    'blockAdultContent',
    'blockSocialMedia',
    'blockGames',
    'blockStreaming',
    'blockPiracy',
    'enableYoutubeRestrictedMode',
    'enableSafeSearch',
  ],
} as const satisfies Readonly<Record<keyof FilterCategories, readonly string[]>>;

const GROUPS: DirectRelated<'group'> = {
  name: 'DnsFilteringProfile.groups',
  kind: 'group',
  relation: through('dnsFilterGroup', 'profile', 'group'),
};

const FALLBACKS = { auto: 'AUTO', strict: 'STRICT' } as const;

/** Null as long as nobody set any switch of the category; then each that was not is off. */
function switchesOf(profile: DnsFilterProfile, category: keyof FilterCategories) {
  const set = profile.categories[category];
  if (set === undefined) return null;
  return Object.fromEntries(SWITCHES[category].map((name) => [name, set[name] ?? false]));
}

const METADATA = {
  id: ({ id }: DnsFilterProfile) => encodeGlobalId('DnsFilteringProfile', id),
  name: ({ name }: DnsFilterProfile) => name,
  priority: ({ priority }: DnsFilterProfile) => priority,
  fallbackMethod: ({ fallback }: DnsFilterProfile) => FALLBACKS[fallback],
};

export const dnsProfileMetadataFields: FieldResolvers = fieldsOf<DnsFilterProfile>(METADATA);

export const dnsProfileFields: FieldResolvers = fieldsOf<DnsFilterProfile>({
  ...METADATA,
  allowedDomains: ({ lists }) => lists.allowed,
  deniedDomains: ({ lists }) => lists.denied,
  groups: (profile, args, context) =>
    directConnection(GROUPS, args, context, profile, groupFilter(args.filter)),
  privacyCategoryConfig: (profile) => switchesOf(profile, 'privacy'),
  securityCategoryConfig: (profile) => switchesOf(profile, 'security'),
  contentCategoryConfig: (profile) => switchesOf(profile, 'content'),
});
