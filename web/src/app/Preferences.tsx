// Language, and light or dark.
import { Button, Dropdown, DropdownItem, DropdownList, MenuToggle, Tooltip } from "@patternfly/react-core";
import GlobeIcon from "@patternfly/react-icons/dist/esm/icons/globe-icon";
import MoonIcon from "@patternfly/react-icons/dist/esm/icons/moon-icon";
import SunIcon from "@patternfly/react-icons/dist/esm/icons/sun-icon";
import { type ReactNode, useState } from "react";
import { useI18n } from "@/i18n";
import { LANGUAGE_NAMES, LANGUAGES } from "@/i18n/language";
import { setTheme, useTheme } from "./theme";

export function Preferences(): ReactNode {
  const { t, language, setLanguage } = useI18n();
  const theme = useTheme();
  const [open, setOpen] = useState(false);
  const other = theme === "dark" ? "light" : "dark";
  return (
    <>
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        popperProps={{ position: "right" }}
        toggle={(ref) => (
          <MenuToggle ref={ref} variant="plainText" icon={<GlobeIcon />} isExpanded={open} onClick={() => setOpen(!open)} aria-label={t("language")}>
            {LANGUAGE_NAMES[language]}
          </MenuToggle>
        )}
      >
        <DropdownList>
          {LANGUAGES.map((each) => (
            <DropdownItem key={each} lang={each} isSelected={each === language} onClick={() => setLanguage(each)}>
              {LANGUAGE_NAMES[each]}
            </DropdownItem>
          ))}
        </DropdownList>
      </Dropdown>
      <Tooltip content={t(`theme-${other}`)}>
        <Button variant="plain" icon={theme === "dark" ? <SunIcon /> : <MoonIcon />} aria-label={t(`theme-${other}`)} onClick={() => setTheme(other)} />
      </Tooltip>
    </>
  );
}
