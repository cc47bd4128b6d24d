// What a storage repository is called.
import type { ReactNode } from "react";
import type { Item } from "@/store/hooks";
import { NameSettings } from "@/ui/NameSettings";

export default function SrSettings({ object: sr }: { object: Item<"SR"> }): ReactNode {
  return <NameSettings key={sr.uuid} of="SR" object={sr} />;
}
