/** Says in one sentence why a database could not be opened, and what to do about it. */
import type { DatabaseLocation } from '../config/config.ts';
import { AppError } from '../kernel/errors.ts';

const PERMISSION = new Set(['EACCES', 'EPERM', 'EROFS']);

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}

function hostOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname || 'localhost'}:${port || '5432'}`;
}

function describePostgres(url: string, error: unknown): string {
  const code = codeOf(error);
  const host = hostOf(url);
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EHOSTUNREACH':
    case 'ETIMEDOUT':
    case 'ENOENT':
      return `no PostgreSQL answers at ${host} (${code}): start it, or correct --database-url`;
    case '28P01':
    case '28000':
      return `PostgreSQL at ${host} refuses this user and password: correct --database-url`;
    case '3D000':
      return `PostgreSQL at ${host} has no such database: create it, or correct --database-url`;
    case '42501':
      return `the PostgreSQL user may not create tables there: grant it CREATE on the schema`;
    default:
      return `PostgreSQL at ${host} cannot be used (${error instanceof Error ? error.message : String(error)}): check --database-url`;
  }
}

function describeSqlite(directory: string, error: unknown): string {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'EEXIST' || code === 'ENOTDIR') {
    return `${directory} is not a directory: name another with --data`;
  }
  if (PERMISSION.has(code) || /unable to open database file|readonly/u.test(message)) {
    return `the data directory ${directory} cannot be written: give its user the right to, or name another with --data`;
  }
  if (/not a database|malformed|corrupt/u.test(message)) {
    return `the database in ${directory} is damaged (${message}): restore a backup into an empty directory`;
  }
  if (code === 'ENOSPC' || /disk is full/u.test(message)) {
    return `the disk of ${directory} is full: free some space`;
  }
  return `the database in ${directory} cannot be used (${message}): check --data`;
}

export function describeOpenFailure(database: DatabaseLocation, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const sentence =
    database.kind === 'sqlite'
      ? describeSqlite(database.directory, error)
      : describePostgres(database.url, error);
  return new AppError('unavailable', sentence, { cause: error });
}
