import type { ReactNode } from "react";

export default function History(): ReactNode {
  return <div />;
}
