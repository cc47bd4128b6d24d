// What one does with a screen besides looking: keys, texts, size, pictures.
import { Dropdown, DropdownGroup, DropdownItem, DropdownList, FormSelect, FormSelectOption, MenuToggle, TextArea, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import KeyboardIcon from "@patternfly/react-icons/dist/esm/icons/keyboard-icon";
import { type ReactNode, useState } from "react";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";
import { save } from "@/ui/save";
import { CTRL_ALT_DEL, KEY_MENU, LAYOUTS, type LayoutName, strokes, TYPED_MAX } from "./keys";
import type { ScreenKeys } from "./Screen";

interface Props {
  keys: ScreenKeys | null;
  /** Why keys go nowhere now; a text. */
  blocked: string | undefined;
  name: string;
  fits: boolean;
  onFits: (fits: boolean) => void;
  isTyping: boolean;
  onTyping: () => void;
}

export function ScreenTools({ keys, blocked, name, fits, onFits, isTyping, onTyping }: Props): ReactNode {
  const { t } = useI18n();
  const photograph = async (): Promise<void> => {
    const picture = await keys?.picture();
    if (picture !== null && picture !== undefined) save(`${name}.png`, picture);
  };
  return (
    <>
      <Act variant="secondary" size="sm" icon={<KeyboardIcon />} blocked={blocked} onClick={() => keys?.press(CTRL_ALT_DEL.keys)}>
        {CTRL_ALT_DEL.name}
      </Act>
      <KeyMenu keys={keys} blocked={blocked} />
      <Act variant="secondary" size="sm" blocked={isTyping ? undefined : blocked} onClick={onTyping} aria-expanded={isTyping} data-tool="type">
        {t("console-paste")}
      </Act>
      <ToggleGroup isCompact aria-label={t("console-size")}>
        <ToggleGroupItem buttonId="console-fits" text={t("console-fit")} isSelected={fits} onChange={() => onFits(true)} />
        <ToggleGroupItem buttonId="console-actual" text={t("console-actual")} isSelected={!fits} onChange={() => onFits(false)} />
      </ToggleGroup>
      <Act variant="secondary" size="sm" blocked={blocked} onClick={() => void photograph()}>
        {t("console-picture")}
      </Act>
    </>
  );
}

function KeyMenu({ keys, blocked }: Pick<Props, "keys" | "blocked">): ReactNode {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      isScrollable
      toggle={(ref) => (
        <MenuToggle ref={ref} size="sm" data-tool="keys" isExpanded={open} onClick={() => setOpen(!open)}>
          {t("console-keys")}
        </MenuToggle>
      )}
    >
      {KEY_MENU.map(({ id, entries }) => (
        <DropdownGroup key={id} label={t(id)}>
          <DropdownList>
            {entries.map((each) => (
              <DropdownItem
                key={each.name}
                isAriaDisabled={blocked !== undefined}
                description={blocked}
                onClick={() => {
                  setOpen(false);
                  keys?.press(each.keys);
                  keys?.focus();
                }}
              >
                {each.name}
              </DropdownItem>
            ))}
          </DropdownList>
        </DropdownGroup>
      ))}
    </Dropdown>
  );
}

/** A text for the guest, typed on the keyboard that it thinks it has. */
export function TypeText({ keys, blocked, onDone }: Pick<Props, "keys" | "blocked"> & { onDone: () => void }): ReactNode {
  const { t, number, language } = useI18n();
  const [text, setText] = useState("");
  const [layout, setLayout] = useState<LayoutName>(language === "es" ? "es" : "us");
  const [busy, setBusy] = useState(false);
  const { strokes: typed, missing } = strokes(text, layout);
  const why = blocked ?? (busy ? t("console-typing") : text === "" ? t("console-type-nothing") : text.length > TYPED_MAX ? t("console-type-long", { most: number(TYPED_MAX) }) : undefined);
  const type = async (): Promise<void> => {
    setBusy(true);
    await keys?.type(typed);
    setBusy(false);
    keys?.focus();
    onDone();
  };
  return (
    <div className="hv-stack">
      <div className="hv-line">
        <TextArea aria-label={t("console-paste-text")} value={text} onChange={(_event, value) => setText(value)} rows={2} resizeOrientation="vertical" className="hv-grow" autoFocus />
        <FormSelect className="hv-layout" aria-label={t("console-layout")} value={layout} onChange={(_event, value) => setLayout(value as LayoutName)}>
          {LAYOUTS.map((each) => (
            <FormSelectOption key={each} value={each} label={t(`console-layout-${each}`)} />
          ))}
        </FormSelect>
        <Act blocked={why} isLoading={busy} onClick={() => void type()}>
          {t("console-type")}
        </Act>
      </div>
      <p className="hv-muted">{t("console-paste-body")}</p>
      {missing.length > 0 && (
        <p className="hv-bad-text" role="status">
          {t("console-no-key", { characters: missing.slice(0, 20).join(" ") })}
        </p>
      )}
    </div>
  );
}
