// Addresses of hosts as people write them.

/** An address without its port. */
export function hostOf(address: string): string {
  return address.replace(/:\d+$/, "");
}
