// What the pool is called.
import type { ReactNode } from "react";
import type { Item } from "@/store/hooks";
import { NameSettings } from "@/ui/NameSettings";

export default function PoolSettings({ object: pool }: { object: Item<"pool"> }): ReactNode {
  return <NameSettings of="pool" object={pool} />;
}
