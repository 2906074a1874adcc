/**
 * The names under which devices upload their flow logs. Each is a secret between one device and this installation: whoever
 * has it writes in that device's name, so it is told to that device alone and cannot be made up.
 */
export interface FlowLogIds {
  /** 64 hex digits. */
  ofDevice(org: number, device: number): string;
  /** 64 hex digits, the same for all devices of the organization: clients want one, nobody relies on it. */
  ofOrganization(org: number): string;
  /** Undefined: this installation has told no device that name. */
  deviceOf(id: string): { readonly org: number; readonly device: number } | undefined;
}
