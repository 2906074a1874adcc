import type { Organization } from '../domain/model/people.ts';
import { INSTALLATION, type Reader } from '../domain/ports/store.ts';

const PER_PAGE = 500;

/** All organizations in order of their ids, a page in memory at a time. */
export async function* eachOrganization(store: Pick<Reader, 'list'>): AsyncGenerator<Organization> {
  for (let after: readonly number[] | undefined; ; ) {
    const page = await store.list('organization', INSTALLATION, {
      limit: PER_PAGE,
      ...(after === undefined ? {} : { after }),
    });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PER_PAGE) return;
    after = [last.id];
  }
}
