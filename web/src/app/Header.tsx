// The header: where one is, search, what is new, alerts, tasks, language, light, who one is.
import { Badge, Button, Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import BarsIcon from "@patternfly/react-icons/dist/esm/icons/bars-icon";
import BellIcon from "@patternfly/react-icons/dist/esm/icons/bell-icon";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import SearchIcon from "@patternfly/react-icons/dist/esm/icons/search-icon";
import TasksIcon from "@patternfly/react-icons/dist/esm/icons/tasks-icon";
import UserIcon from "@patternfly/react-icons/dist/esm/icons/user-icon";
import { type ReactNode, useState } from "react";
import { Link, useNavigate } from "react-router";
import { useT } from "@/i18n";
import { useAll } from "@/store/hooks";
import { useWaits } from "@/screens/alerts/standing";
import { newCommands } from "./areas";
import { Preferences } from "./Preferences";
import { signOut, useSession } from "./session";

interface Props {
  onToggleTree: () => void;
  onToggleTasks: () => void;
  onOpenPalette: () => void;
  isTreeOpen: boolean;
}

export function Header(props: Props): ReactNode {
  const t = useT();
  const messages = useAll("message");
  const tasks = useAll("task").filter((task) => task.status === "pending" || task.status === "cancelling");
  const alerts = messages.filter(useWaits()).length;
  return (
    <header className="hv-header">
      <Button
        variant="plain"
        icon={<BarsIcon />}
        aria-label={t("toggle-tree")}
        aria-expanded={props.isTreeOpen}
        onClick={props.onToggleTree}
      />
      <Link to="/" className="hv-brand">
        <img src="/ui/haven.svg" alt="" width="28" height="28" />
        <span>{t("product")}</span>
      </Link>
      <button type="button" className="hv-search" onClick={props.onOpenPalette}>
        <SearchIcon />
        <span>{t("search-or-do")}</span>
        <kbd>Ctrl K</kbd>
      </button>
      <span className="hv-grow" />
      <NewMenu />
      <Link to="/alerts" className="hv-head-link">
        <BellIcon />
        <span>{t("alerts")}</span>
        {alerts > 0 && <Badge screenReaderText={t("alerts-count", { count: alerts })}>{alerts}</Badge>}
      </Link>
      <button type="button" className="hv-head-link" onClick={props.onToggleTasks}>
        <TasksIcon />
        <span>{t("tasks")}</span>
        {tasks.length > 0 && <Badge screenReaderText={t("tasks-running", { count: tasks.length })}>{tasks.length}</Badge>}
      </button>
      <Preferences />
      <UserMenu />
    </header>
  );
}

function NewMenu(): ReactNode {
  const t = useT();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      toggle={(ref) => (
        <MenuToggle ref={ref} variant="primary" icon={<PlusIcon />} isExpanded={open} onClick={() => setOpen(!open)}>
          {t("new")}
        </MenuToggle>
      )}
    >
      <DropdownList>
        {newCommands.map(({ id, label, to, blocked, icon: Icon }) => (
          <DropdownItem
            key={id}
            data-command={id}
            icon={Icon === undefined ? undefined : <Icon />}
            isAriaDisabled={blocked !== undefined}
            description={blocked === undefined ? undefined : t(blocked)}
            onClick={blocked === undefined ? () => void navigate(to) : undefined}
          >
            {t(label)}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}

function UserMenu(): ReactNode {
  const t = useT();
  const { state } = useSession();
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: "right" }}
      toggle={(ref) => (
        <MenuToggle ref={ref} variant="plainText" icon={<UserIcon />} isExpanded={open} onClick={() => setOpen(!open)}>
          {state?.user ?? ""}
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem isAriaDisabled description={t("version", { version: state?.version ?? "" })}>
          {t("served-by", { host: state?.host ?? "" })}
        </DropdownItem>
        <DropdownItem onClick={() => void signOut()}>{t("sign-out")}</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
