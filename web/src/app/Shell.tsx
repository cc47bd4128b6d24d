// The frame around every page: header, tree, tasks.
import { Banner, Button } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useLocation } from "react-router";
import { isDemo } from "@/api/http";
import { useI18n } from "@/i18n";
import { useConnection } from "@/store/connection";
import { Header } from "./Header";
import { useFollowLikes } from "./kept";
import { Palette } from "./Palette";
import { TaskDrawer } from "./TaskDrawer";
import { Tree } from "./Tree";

/** Windows up to this width show tree or page; the same as in style.css. */
const NARROW_PX = 900;

export function Shell({ children }: { children: ReactNode }): ReactNode {
  const { t } = useI18n();
  useFollowLikes();
  const [treeOpen, setTreeOpen] = useState(() => window.innerWidth > NARROW_PX);
  // Where there is no room for both, the tree lies over the page, and gives way once something was chosen.
  const { pathname } = useLocation();
  const [at, setAt] = useState(pathname);
  if (at !== pathname) {
    setAt(pathname);
    if (window.innerWidth <= NARROW_PX) setTreeOpen(false);
  }
  const [tasksOpen, setTasksOpen] = useState(false);
  const [paletteOpen, setPaletteOpen] = useState(false);
  return (
    <div className={treeOpen ? "hv-shell" : "hv-shell hv-shell-narrow"}>
      <a className="hv-skip" href="#main">
        {t("skip-to-content")}
      </a>
      <Header
        onToggleTree={() => setTreeOpen(!treeOpen)}
        onToggleTasks={() => setTasksOpen(!tasksOpen)}
        onOpenPalette={() => setPaletteOpen(true)}
        isTreeOpen={treeOpen}
      />
      {treeOpen && <Tree />}
      <main id="main" className="hv-main" tabIndex={-1}>
        <Demo />
        <Away />
        {children}
      </main>
      <TaskDrawer isOpen={tasksOpen} onToggle={() => setTasksOpen(!tasksOpen)} />
      <Palette isOpen={paletteOpen} onOpen={() => setPaletteOpen(true)} onClose={() => setPaletteOpen(false)} />
    </div>
  );
}

/** Says all the time that nothing of this is real. */
function Demo(): ReactNode {
  const { t } = useI18n();
  if (!isDemo()) return null;
  return (
    <Banner className="hv-away" color="purple" isSticky screenReaderText={t("warning")}>
      {t("demo-banner")}{" "}
      <Button variant="link" isInline onClick={() => window.location.assign("/ui/")}>
        {t("demo-leave")}
      </Button>
    </Banner>
  );
}

/** Says that the pool does not answer, and how old is what one sees. */
function Away(): ReactNode {
  const { t, time } = useI18n();
  const connection = useConnection();
  if (connection.state !== "away") return null;
  return (
    <Banner className="hv-away" color="yellow" isSticky screenReaderText={t("warning")} role="status">
      {t("away", { since: time(connection.since) })}{" "}
      <Button variant="link" isInline onClick={() => window.location.reload()}>
        {t("reload")}
      </Button>
    </Banner>
  );
}
