// The command palette: Ctrl-K, a few letters, Enter.
import { Modal, ModalBody } from "@patternfly/react-core";
import { type KeyboardEvent, type ReactNode, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { useActions, useWorld } from "@/actions/runner";
import { useT } from "@/i18n";
import { type PaletteEntry, paletteEntries } from "./paletteEntries";

interface Props {
  isOpen: boolean;
  onOpen: () => void;
  onClose: () => void;
}

export function Palette({ isOpen, onOpen, onClose }: Props): ReactNode {
  useEffect(() => {
    const listen = (event: globalThis.KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        onOpen();
      }
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [onOpen]);
  return isOpen ? <Open onClose={onClose} /> : null;
}

function Open({ onClose }: { onClose: () => void }): ReactNode {
  const t = useT();
  const world = useWorld();
  const navigate = useNavigate();
  const { perform } = useActions();
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const wanted = useDeferredValue(query);
  const entries = useMemo(
    () => paletteEntries(world, wanted, t, perform as never),
    [world, wanted, t, perform],
  );
  const chosen = Math.min(at, entries.length - 1);
  const choose = (entry: PaletteEntry | undefined): void => {
    if (entry === undefined || entry.reason !== undefined) return;
    onClose();
    if ("to" in entry.choose) void navigate(entry.choose.to);
    else entry.choose.perform();
  };
  const move = (to: number): void => {
    const next = Math.max(0, Math.min(entries.length - 1, to));
    setAt(next);
    list.current?.children[next]?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") move(chosen + 1);
    else if (event.key === "ArrowUp") move(chosen - 1);
    else if (event.key === "Enter") choose(entries[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Modal isOpen variant="medium" position="top" onClose={onClose} aria-label={t("palette")} className="hv-palette">
      <ModalBody>
        <input
          className="hv-palette-input"
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={entries.length > 0 ? `palette-${chosen}` : undefined}
          aria-label={t("palette-hint")}
          placeholder={t("palette-hint")}
          autoFocus
          autoComplete="off"
          spellCheck={false}
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
        <ul ref={list} id="palette-list" role="listbox" aria-label={t("palette")} className="hv-palette-list">
          {entries.map((entry, index) => (
            <li
              key={entry.key}
              id={`palette-${index}`}
              role="option"
              aria-selected={index === chosen}
              aria-disabled={entry.reason !== undefined}
              onMouseMove={() => setAt(index)}
              onClick={() => choose(entry)}
            >
              <span className="hv-palette-kind">{t(entry.kind)}</span>
              <span>{entry.title}</span>
              {entry.reason !== undefined && <span className="hv-muted">{entry.reason}</span>}
            </li>
          ))}
        </ul>
        {entries.length === 0 && <p className="hv-muted">{t("nothing-matches")}</p>}
      </ModalBody>
    </Modal>
  );
}
