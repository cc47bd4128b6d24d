import type { ReactNode } from "react";

export function PoolOverview(): ReactNode {
  return <div />;
}
