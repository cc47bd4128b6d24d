// How full a storage repository was, over time.
import type { ReactNode } from "react";
import type { Item } from "@/store/hooks";
import { Performance } from "./Performance";
import { useSrSubject } from "./srSubject";

export default function SrPerformance({ object: sr }: { object: Item<"SR"> }): ReactNode {
  return <Performance key={sr.uuid} subject={useSrSubject(sr)} name={sr.name_label} />;
}
