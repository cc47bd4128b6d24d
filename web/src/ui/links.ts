// Addresses of objects.
import type { PageKind } from "@/app/areas";

export function pathOf(kind: PageKind, uuid: string, tab?: string): string {
  if (kind === "pool") return tab === undefined ? "/" : `/pool/${tab}`;
  return tab === undefined ? `/${kind}/${uuid}` : `/${kind}/${uuid}/${tab}`;
}
