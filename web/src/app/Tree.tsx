// The tree of the pool at the left: one list of lines of which only those in sight are drawn.
import ClusterIcon from "@patternfly/react-icons/dist/esm/icons/cluster-icon";
import CopyIcon from "@patternfly/react-icons/dist/esm/icons/clone-icon";
import FolderIcon from "@patternfly/react-icons/dist/esm/icons/folder-icon";
import NetworkIcon from "@patternfly/react-icons/dist/esm/icons/network-icon";
import ServerIcon from "@patternfly/react-icons/dist/esm/icons/server-icon";
import TagIcon from "@patternfly/react-icons/dist/esm/icons/tag-icon";
import StorageIcon from "@patternfly/react-icons/dist/esm/icons/database-icon";
import VirtualMachineIcon from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ComponentType, type DragEvent, type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { useActions, useWorld } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { ownName } from "@/ui/names";
import { useAll, usePool, useTable } from "@/store/hooks";
import { useNotices } from "@/ui/notices";
import { areaActions } from "./areas";
import { ModeChoice, useTreeMode } from "./TreeModes";
import { CLOSED_AT_FIRST, type NodeKind, type TreeMode, type TreeNode, treeNodes } from "./treeNodes";

const ROW_PX = 32;
/** What a machine is while it is dragged: its reference. */
const DRAGGED = "application/x-haven-vm";
const ICONS: Record<NodeKind, ComponentType> = {
  pool: ClusterIcon,
  host: ServerIcon,
  vm: VirtualMachineIcon,
  sr: StorageIcon,
  network: NetworkIcon,
  template: CopyIcon,
  group: FolderIcon,
  folder: FolderIcon,
  tag: TagIcon,
};

function useNodes(closed: ReadonlySet<string>, mode: TreeMode): TreeNode[] {
  const { language, t } = useI18n();
  const pool = usePool();
  const hosts = useAll("host");
  const vms = useAll("VM");
  const srs = useAll("SR");
  const networks = useAll("network");
  const metrics = useTable("host_metrics");
  return useMemo(
    () =>
      treeNodes({
        pool,
        hosts,
        vms,
        srs,
        networks,
        isLive: (host) => metrics.byRef.get(host.metrics)?.live === true,
        closed,
        language,
        mode,
        nameOf: (row) => ownName(row, t),
      }),
    [pool, hosts, vms, srs, networks, metrics, closed, language, mode, t],
  );
}

export function Tree(): ReactNode {
  const { t } = useI18n();
  const navigate = useNavigate();
  const location = useLocation();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set(CLOSED_AT_FIRST));
  const [focus, setFocus] = useState("pool");
  const [mode, setMode] = useTreeMode();
  const nodes = useNodes(closed, mode);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: nodes.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
    initialRect: { width: 280, height: 800 },
  });
  const at = Math.max(0, nodes.findIndex((node) => node.key === focus));
  const fold = (node: TreeNode, open: boolean): void => {
    const next = new Set(closed);
    if (open) next.delete(node.key);
    else next.add(node.key);
    setClosed(next);
  };
  const go = (index: number): void => {
    const node = nodes[Math.max(0, Math.min(nodes.length - 1, index))];
    if (node === undefined) return;
    setFocus(node.key);
    virtual.scrollToIndex(nodes.indexOf(node));
  };
  const open = (node: TreeNode): void => {
    setFocus(node.key);
    if (node.to !== undefined) void navigate(node.to);
    else fold(node, node.isOpen !== true);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const node = nodes[at];
    if (node === undefined) return;
    switch (event.key) {
      case "ArrowDown": go(at + 1); break;
      case "ArrowUp": go(at - 1); break;
      case "Home": go(0); break;
      case "End": go(nodes.length - 1); break;
      case "ArrowRight":
        if (node.isOpen === false) fold(node, true);
        else if (node.isOpen === true) go(at + 1);
        break;
      case "ArrowLeft":
        if (node.isOpen === true) fold(node, false);
        else go(nodes.findLastIndex((other, index) => index < at && other.depth < node.depth));
        break;
      case "Enter":
      case " ":
        open(node);
        break;
      default:
        return;
    }
    event.preventDefault();
  };
  const { perform } = useActions();
  const world = useWorld();
  const { show } = useNotices();
  const [over, setOver] = useState("");
  /** A machine was dropped: onto a host it is asked how it shall move there, into a folder it is filed. */
  const drop = (ref: string, node: TreeNode): void => {
    setOver("");
    const { drop: target } = node;
    const vm = world.get("VM", ref);
    if (vm === undefined || target === undefined || (target.kind === "host" && vm.resident_on === target.to)) return;
    const [action] = areaActions("VM").flatMap((each) => each.onto?.(target) ?? []);
    if (action === undefined) return;
    const reason = action.isHidden?.(vm, world) === true ? { id: "tree-drop-off" } : action.blocked?.(vm, world);
    if (reason !== undefined) show({ variant: "warning", title: t("tree-drop-not", { vm: vm.name_label, host: node.name }), body: t(reason.id, reason.args) });
    else perform(action, [vm]);
  };
  const focused = nodes[at];
  return (
    <nav className="hv-tree" aria-label={t("tree")}>
      <ModeChoice mode={mode} onMode={setMode} />
      <div
        ref={scroller}
        className="hv-tree-scroll"
        role="tree"
        aria-label={t("tree")}
        tabIndex={0}
        aria-activedescendant={focused === undefined ? undefined : `tree-${focused.key}`}
        onKeyDown={onKeyDown}
      >
        <div role="none" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const node = nodes[index];
            return node === undefined ? null : (
              <Line
                key={node.key}
                node={node}
                top={start}
                isFocused={node.key === focus}
                isCurrent={isCurrent(node, location.pathname)}
                isOver={over === node.key}
                onOver={(is) => setOver(is ? node.key : "")}
                onDrop={(ref) => drop(ref, node)}
                onOpen={() => open(node)}
                onFold={() => fold(node, node.isOpen !== true)}
              />
            );
          })}
        </div>
      </div>
    </nav>
  );
}

function isCurrent(node: TreeNode, path: string): boolean {
  if (node.to === undefined) return false;
  if (node.to === "/") return path === "/" || path.startsWith("/pool/");
  return path === node.to || path.startsWith(`${node.to}/`);
}

interface LineProps {
  node: TreeNode;
  top: number;
  isFocused: boolean;
  isCurrent: boolean;
  /** A machine is held above it. */
  isOver: boolean;
  onOver: (is: boolean) => void;
  /** Hears the reference of the machine. */
  onDrop: (ref: string) => void;
  onOpen: () => void;
  onFold: () => void;
}

function Line({ node, top, isFocused, isCurrent: current, isOver, onOver, onDrop, onOpen, onFold }: LineProps): ReactNode {
  const { t } = useI18n();
  const Icon = ICONS[node.kind];
  const state = node.state === undefined ? "" : t(`tree-state-${node.state}`);
  return (
    // Keys are handled by the tree: the focus never leaves it.
    <div
      id={`tree-${node.key}`}
      role="treeitem"
      aria-level={node.depth + 1}
      aria-expanded={node.isOpen}
      aria-selected={current}
      className={`hv-tree-line${isFocused ? " hv-tree-focus" : ""}${current ? " hv-tree-current" : ""}${isOver ? " hv-tree-over" : ""}`}
      {...(node.kind === "vm" ? { draggable: true, onDragStart: (event: DragEvent) => event.dataTransfer.setData(DRAGGED, node.ref ?? "") } : {})}
      {...(node.drop !== undefined
        ? {
            onDragOver: (event: DragEvent) => {
              if (!event.dataTransfer.types.includes(DRAGGED)) return;
              event.preventDefault();
              if (!isOver) onOver(true);
            },
            onDragLeave: () => onOver(false),
            onDrop: (event: DragEvent) => {
              event.preventDefault();
              onDrop(event.dataTransfer.getData(DRAGGED));
            },
          }
        : {})}
      style={{ transform: `translateY(${top}px)`, paddingInlineStart: `${0.5 + node.depth * 1.1}rem` }}
      onClick={onOpen}
      title={state === "" ? node.name : `${node.name}: ${state}`}
    >
      <span
        className="hv-tree-fold"
        aria-hidden="true"
        onClick={(event) => {
          event.stopPropagation();
          if (node.isOpen !== undefined) onFold();
        }}
      >
        {node.isOpen === undefined ? "" : node.isOpen ? "▾" : "▸"}
      </span>
      <span className={`hv-tree-icon hv-state-${node.state ?? "none"}`} aria-hidden="true">
        <Icon />
      </span>
      <span className="hv-tree-name">{node.message === undefined ? node.name : t(node.message)}</span>
      {state !== "" && <span className="pf-v6-screen-reader">{state}</span>}
      {node.count !== undefined && <span className="hv-tree-count">{node.count}</span>}
    </div>
  );
}
