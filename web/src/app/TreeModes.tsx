// By what the tree orders machines; kept for the next time.
import { ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useT } from "@/i18n";
import { TREE_MODES, type TreeMode } from "./treeNodes";

const KEY = "haven.tree";

export function useTreeMode(): [TreeMode, (mode: TreeMode) => void] {
  const [mode, setMode] = useState<TreeMode>(() => TREE_MODES.find((each) => each === localStorage.getItem(KEY)) ?? "hosts");
  const choose = (next: TreeMode): void => {
    localStorage.setItem(KEY, next);
    setMode(next);
  };
  return [mode, choose];
}

export function ModeChoice({ mode, onMode }: { mode: TreeMode; onMode: (mode: TreeMode) => void }): ReactNode {
  const t = useT();
  return (
    <ToggleGroup isCompact aria-label={t("tree-by")} className="hv-tree-modes">
      {TREE_MODES.map((each) => (
        <ToggleGroupItem key={each} buttonId={`tree-by-${each}`} text={t(`tree-by-${each}`)} isSelected={mode === each} onChange={() => onMode(each)} />
      ))}
    </ToggleGroup>
  );
}
