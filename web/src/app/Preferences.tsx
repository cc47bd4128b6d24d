// Language, time zone, and light or dark.
import { Button, Divider, Dropdown, DropdownItem, DropdownList, MenuToggle, Tooltip } from "@patternfly/react-core";
import GlobeIcon from "@patternfly/react-icons/dist/esm/icons/globe-icon";
import MoonIcon from "@patternfly/react-icons/dist/esm/icons/moon-icon";
import SunIcon from "@patternfly/react-icons/dist/esm/icons/sun-icon";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useI18n } from "@/i18n";
import { type Language, LANGUAGE_NAMES, LANGUAGES } from "@/i18n/language";
import { OWN_ZONE } from "@/i18n/preferred";
import { useKept } from "./kept";
import { setTheme, useTheme } from "./theme";

const TimeZone = lazy(() => import("./TimeZone"));

export function Preferences(): ReactNode {
  const { t, language, setLanguage, chosenZone } = useI18n();
  const { isNobody, keep } = useKept();
  const [asksZone, setAsksZone] = useState(false);
  const speak = (wanted: Language): void => {
    setLanguage(wanted);
    // Without it this browser still knows.
    if (!isNobody) keep({ language: wanted }).catch(() => undefined);
  };
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
            <DropdownItem key={each} lang={each} isSelected={each === language} onClick={() => speak(each)}>
              {LANGUAGE_NAMES[each]}
            </DropdownItem>
          ))}
          <Divider component="li" />
          <DropdownItem description={chosenZone === "" ? OWN_ZONE : chosenZone} onClick={() => setAsksZone(true)}>
            {t("zone")}
          </DropdownItem>
        </DropdownList>
      </Dropdown>
      {asksZone && (
        <Suspense>
          <TimeZone close={() => setAsksZone(false)} />
        </Suspense>
      )}
      <Tooltip content={t(`theme-${other}`)}>
        <Button variant="plain" icon={theme === "dark" ? <SunIcon /> : <MoonIcon />} aria-label={t(`theme-${other}`)} onClick={() => setTheme(other)} />
      </Tooltip>
    </>
  );
}
