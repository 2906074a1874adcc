/** Names for gateways that nobody named. */
import { type Random, randomText } from '../../kernel/random.ts';

const ADJECTIVES = [
  'amber',
  'brisk',
  'calm',
  'clever',
  'crimson',
  'eager',
  'gentle',
  'golden',
  'hidden',
  'jolly',
  'keen',
  'lively',
  'lunar',
  'mellow',
  'nimble',
  'placid',
  'proud',
  'quiet',
  'rapid',
  'silver',
  'steady',
  'sunny',
  'swift',
  'vivid',
];
const ANIMALS = [
  'badger',
  'beaver',
  'bison',
  'cormorant',
  'crane',
  'dolphin',
  'falcon',
  'ferret',
  'gecko',
  'heron',
  'ibex',
  'jackdaw',
  'kestrel',
  'lynx',
  'marten',
  'otter',
  'pelican',
  'puffin',
  'raven',
  'seal',
  'stork',
  'tapir',
  'walrus',
  'wombat',
];
const SUFFIX_LENGTH = 3;

const pick = (random: Random, words: readonly string[]): string => {
  const [byte = 0] = random.bytes(1);
  return words[byte % words.length] ?? '';
};

/** `adjective-animal-x7k`: the end keeps two of one network apart. */
export const gatewayName = (random: Random): string =>
  `${pick(random, ADJECTIVES)}-${pick(random, ANIMALS)}-${randomText(random, SUFFIX_LENGTH, 'abcdefghijkmnpqrstuvwxyz23456789')}`;
