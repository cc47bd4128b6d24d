// The screen, by noVNC.
import RFB from "@novnc/novnc";
import { type ReactNode, useEffect, useRef } from "react";
import { consoleUrl, type LinkState } from "./Console";

/** Pause before a lost screen is asked for again, in milliseconds. */
const AGAIN_MS = 700;

export interface ScreenKeys {
  ctrlAltDel(): void;
  /** Types a text, key by key. */
  type(text: string): void;
}

interface Props {
  console: string;
  /** The screen is asked for anew when the machine has moved. */
  host: string;
  /** Is told the keys while there is a screen, and null when there is none any more. */
  onKeys: (keys: ScreenKeys | null) => void;
  onLink: (state: LinkState) => void;
  label: string;
}

const RETURN = 0xff0d;

/** The keysym of a character: Latin-1 as it is, everything else by its code point. */
function keysym(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (character === "\n") return RETURN;
  return code < 0x100 ? code : 0x01000000 + code;
}

export function Screen({ console: ref, host, onKeys, onLink, label }: Props): ReactNode {
  const target = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let rfb: RFB | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const connect = (): void => {
      if (ended || target.current === null) return;
      onLink("connecting");
      rfb = new RFB(target.current, consoleUrl(ref), { wsProtocols: ["binary"], shared: true });
      rfb.scaleViewport = true;
      rfb.background = "#101418";
      rfb.addEventListener("connect", () => onLink("connected"));
      rfb.addEventListener("disconnect", () => {
        if (ended) return;
        onLink("lost");
        timer = setTimeout(connect, AGAIN_MS);
      });
    };
    connect();
    onKeys({
      ctrlAltDel: () => rfb?.sendCtrlAltDel(),
      type: (text) => {
        for (const character of text) rfb?.sendKey(keysym(character), null);
      },
    });
    return () => {
      ended = true;
      clearTimeout(timer);
      onKeys(null);
      try {
        rfb?.disconnect();
      } catch {
        // It had not been connected.
      }
    };
  }, [ref, host, onKeys, onLink]);
  return <div ref={target} className="hv-screen" role="application" aria-label={label} />;
}
