// W9: the machine's screen and its serial line. Both come back by themselves while it moves.
import { Button, EmptyState, EmptyStateBody, Label, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import ExpandIcon from "@patternfly/react-icons/dist/esm/icons/expand-icon";
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import { ActionButton } from "@/actions/ActionButton";
import { ActionMenu } from "@/actions/ActionMenu";
import { haven } from "@/actions/cli";
import { useI18n } from "@/i18n";
import { type Item, useAll } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { Nothing } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { useChoice } from "@/ui/useParam";
import { ScreenTools, TypeText } from "./ConsoleTools";
import { changeCd, insertTools } from "./devices";
import { Screen, type ScreenKeys } from "./Screen";
import { Serial } from "./Serial";

export type LinkState = "connecting" | "connected" | "lost";

/** Where a console is: on the host that serves this page, which finds the way. */
export function consoleUrl(ref: string): string {
  const { protocol, host } = window.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/ui/console?ref=${encodeURIComponent(ref)}`;
}

const LINKS: Record<LinkState, "green" | "orange" | "grey"> = { connected: "green", connecting: "grey", lost: "orange" };

/** The last value that was one. */
function useLast(value: string | undefined): string | undefined {
  const [last, setLast] = useState(value);
  if (value !== undefined && value !== last) setLast(value);
  return value ?? last;
}

/** Where the focus goes then: behind the console, so that Tab does not lead into it again. */
const WAY_OUT = "console-way-out";

/** Ctrl and Alt, pressed and let go with nothing between, lead out of what takes all other keys. */
function useWayOut(frame: RefObject<HTMLElement | null>, to: string, isThere: boolean): void {
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    let isArmed = false;
    const isOurs = (event: KeyboardEvent): boolean => event.key === "Control" || event.key === "Alt";
    const down = (event: KeyboardEvent): void => {
      isArmed = isOurs(event) && event.ctrlKey && event.altKey;
    };
    const up = (event: KeyboardEvent): void => {
      if (isArmed && isOurs(event)) document.getElementById(to)?.focus();
      isArmed = false;
    };
    element.addEventListener("keydown", down, { capture: true });
    element.addEventListener("keyup", up, { capture: true });
    return () => {
      element.removeEventListener("keydown", down, { capture: true });
      element.removeEventListener("keyup", up, { capture: true });
    };
  }, [frame, to, isThere]);
}

/** Fills the screen with the console; the guest gets the keys that the browser keeps else, such as Alt-Tab. */
async function fillScreen(frame: HTMLElement | null): Promise<void> {
  await frame?.requestFullscreen();
  const { keyboard } = navigator as { keyboard?: { lock?: () => Promise<void> } };
  await keyboard?.lock?.().catch(() => undefined);
}

export default function Console({ object: vm }: { object: Item<"VM"> }): ReactNode {
  const { t } = useI18n();
  const consoles = useAll("console").filter((each) => each.VM === vm.$ref);
  // While the machine moves it may have none for a moment, and other ones afterwards: what was
  // written in the terminal stays.
  const screen = useLast(consoles.find((each) => each.protocol === "rfb")?.$ref);
  const serial = useLast(consoles.find((each) => each.protocol === "vt100")?.$ref);
  const [way, setWay] = useChoice("show", ["screen", "serial"]);
  const [link, setLink] = useState<LinkState>("connecting");
  const [typing, setTyping] = useState(false);
  const [fits, setFits] = useState(true);
  const [keys, setKeys] = useState<ScreenKeys | null>(null);
  const [tries, setTries] = useState(0);
  const frame = useRef<HTMLDivElement>(null);
  const runs = vm.power_state === "Running" || vm.power_state === "Paused";
  useWayOut(frame, WAY_OUT, runs);
  if (!runs) return <Nothing title="console-off" body="console-off-body" />;
  const chosen = way === "screen" ? screen : serial;
  const blocked = keys === null || link !== "connected" ? t("console-not-connected") : undefined;
  return (
    <div className="hv-console">
      <div className="hv-buttons">
        <ToggleGroup isCompact aria-label={t("tab-console")}>
          {(["screen", "serial"] as const).map((each) => (
            <ToggleGroupItem key={each} buttonId={`console-${each}`} text={t(`console-${each}`)} isSelected={way === each} onChange={() => setWay(each)} />
          ))}
        </ToggleGroup>
        <Label color={LINKS[link]}>
          <span role="status">{t(`console-${link}`)}</span>
        </Label>
        <span className="hv-grow" />
        {way === "screen" && <ScreenTools keys={keys} blocked={blocked} name={vm.name_label} fits={fits} onFits={setFits} isTyping={typing} onTyping={() => setTyping(!typing)} />}
        <ActionButton action={changeCd} target={vm} size="sm" />
        <ActionButton action={insertTools} target={vm} size="sm" />
        <ActionMenu of="VM" targets={[vm]} only={{ group: "power", label: "console-power" }} />
        <Act variant="secondary" size="sm" blocked={link === "connecting" ? t("console-connecting") : undefined} onClick={() => setTries(tries + 1)}>
          {t("console-again")}
        </Act>
        <Button variant="secondary" size="sm" icon={<ExpandIcon />} onClick={() => void fillScreen(frame.current)}>
          {t("console-full")}
        </Button>
        <Button variant="secondary" size="sm" component="a" href={`/ui${pathOf("vm", vm.uuid, "console")}${way === "serial" ? "?show=serial" : ""}`} target="_blank" rel="noopener">
          {t("console-window")}
        </Button>
      </div>
      {typing && way === "screen" && <TypeText keys={keys} blocked={blocked} onDone={() => setTyping(false)} />}
      <div ref={frame} className={fits ? "hv-console-frame" : "hv-console-frame hv-console-actual"}>
        {chosen === undefined ? (
          <EmptyState titleText={t("console-none")} headingLevel="h2" variant="sm">
            <EmptyStateBody>{t("console-none-body")}</EmptyStateBody>
          </EmptyState>
        ) : way === "screen" ? (
          <Screen key={tries} console={chosen} host={vm.resident_on} fits={fits} onKeys={setKeys} onLink={setLink} label={t("console-screen-of", { name: vm.name_label })} />
        ) : (
          <Serial key={tries} console={chosen} host={vm.resident_on} onLink={setLink} label={t("console-serial-of", { name: vm.name_label })} />
        )}
      </div>
      <p id={WAY_OUT} tabIndex={-1} className="hv-muted">
        {t("console-way-out")}
      </p>
      <CliLines lines={[haven("vm", "console", vm.name_label)]} />
    </div>
  );
}
