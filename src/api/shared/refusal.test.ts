import { describe, expect, it } from 'vitest';
import { AppError } from '../../kernel/errors.ts';
import { retryAfterSeconds, serverRefusal } from './refusal.ts';

describe('a refusal of the web server', () => {
  it('is told by the status that it carries', () => {
    const thrown = Object.assign(new Error('Body cannot be empty'), { statusCode: 400 });
    expect(serverRefusal(thrown)).toEqual({ status: 400, message: 'Body cannot be empty' });
  });

  it.each([
    ['a fault of the server', Object.assign(new Error('broken'), { statusCode: 500 })],
    ['an error of ours', new AppError('invalid', 'no')],
    ['a status that is no number', Object.assign(new Error('odd'), { statusCode: '400' })],
    ['what is no error', { statusCode: 400 }],
    ['nothing', undefined],
    ['null', null],
  ])('is not %s', (_name, thrown) => {
    expect(serverRefusal(thrown)).toBeUndefined();
  });
});

describe('when to ask again', () => {
  it('is what the error says, else a second', () => {
    expect(retryAfterSeconds({ retryAfterSeconds: 40 })).toBe(40);
    expect(retryAfterSeconds({ retryAfterSeconds: 'soon' })).toBe(1);
    expect(retryAfterSeconds({})).toBe(1);
    expect(retryAfterSeconds(null)).toBe(1);
    expect(retryAfterSeconds(undefined)).toBe(1);
  });
});
