/** The rows of a snapshot's tables by what else they are asked for than their key. */
import type { Row } from '../model/entities.ts';
import type { AccessEdge, Gateway } from '../model/networks.ts';
import type { Change } from '../ports/store.ts';
import { createRowIndex } from './row-index.ts';
import type { TableKind } from './table-kinds.ts';

export function createTableIndexes() {
  const gateways = createRowIndex<Gateway>(({ device }) => device);
  const resolvedNames = createRowIndex<Row<'resolvedName'>>(({ device }) => device);
  const members = createRowIndex<Row<'groupMember'>>(({ group }) => group);
  const resources = createRowIndex<Row<'resource'>>(({ network }) => network);
  const edgesByResource = createRowIndex<AccessEdge>(({ resource }) => resource);
  const edgesByPrincipal = createRowIndex<AccessEdge>(({ principal }) => principal);
  const locks = createRowIndex<Row<'accessLock'>>(({ edge }) => edge);
  const hostsByService = createRowIndex<Row<'serviceHost'>>(({ service }) => service);
  const hostsByDevice = createRowIndex<Row<'serviceHost'>>(({ device }) => device);
  const acceptsByDevice = createRowIndex<Row<'shareAccept'>>(({ device }) => device);
  const acceptsByStranger = createRowIndex<Row<'shareAccept'>>(({ membership }) => membership);
  const sharedByDevice = createRowIndex<Row<'sharedDevice'>>(({ device }) => device);
  const sharedByTaker = createRowIndex<Row<'sharedDevice'>>(({ membership }) => membership);

  function apply({ kind, key, after }: Change<TableKind>): void {
    switch (kind) {
      case 'gateway':
        gateways.set(key, after ?? undefined);
        break;
      case 'resolvedName':
        resolvedNames.set(key, after ?? undefined);
        break;
      case 'groupMember':
        members.set(key, after ?? undefined);
        break;
      case 'resource':
        resources.set(key, after ?? undefined);
        break;
      case 'accessEdge':
        edgesByResource.set(key, after ?? undefined);
        edgesByPrincipal.set(key, after ?? undefined);
        break;
      case 'accessLock':
        locks.set(key, after ?? undefined);
        break;
      case 'serviceHost':
        hostsByService.set(key, after ?? undefined);
        hostsByDevice.set(key, after ?? undefined);
        break;
      case 'shareAccept':
        acceptsByDevice.set(key, after ?? undefined);
        acceptsByStranger.set(key, after ?? undefined);
        break;
      case 'sharedDevice':
        sharedByDevice.set(key, after ?? undefined);
        sharedByTaker.set(key, after ?? undefined);
        break;
      default:
        break;
    }
  }

  return {
    gateways,
    resolvedNames,
    members,
    resources,
    edgesByResource,
    edgesByPrincipal,
    locks,
    hostsByService,
    hostsByDevice,
    acceptsByDevice,
    acceptsByStranger,
    sharedByDevice,
    sharedByTaker,
    apply,
  };
}
