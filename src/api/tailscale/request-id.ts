import type { Clock } from '../../kernel/clock.ts';
import { type Random, randomText } from '../../kernel/random.ts';

const HEX = '0123456789abcdef';
const HEX_DIGITS = 16;

/** `REQ-<time><hex>`: what a person quotes when they ask about an answer. */
export function requestId({ clock, random }: { readonly clock: Clock; readonly random: Random }): string {
  const time = new Date(clock.now()).toISOString().replace(/[-:TZ.]/gu, '');
  return `REQ-${time}${randomText(random, HEX_DIGITS, HEX)}`;
}
