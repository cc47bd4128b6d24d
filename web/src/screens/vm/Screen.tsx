// The screen, by noVNC.
import RFB from "@novnc/novnc";
import { type ReactNode, useEffect, useRef } from "react";
import { consoleUrl, type LinkState } from "./Console";
import type { Stroke } from "./keys";

/** Pause before a lost screen is asked for again, in milliseconds. */
const AGAIN_MS = 700;
/** Pause between two strokes: guests lose keys that come faster, in milliseconds. */
const STROKE_MS = 12;

export interface ScreenKeys {
  /** Presses the keys in order and lets them go in the other. */
  press(keys: Stroke): void;
  /** Types a text, stroke by stroke; ends early when the screen is gone. */
  type(strokes: readonly Stroke[]): Promise<void>;
  /** What is seen, as a picture. */
  picture(): Promise<Blob | null>;
  focus(): void;
}

interface Props {
  console: string;
  /** The screen is asked for anew when the machine has moved. */
  host: string;
  /** Whether it is made to fit; else one pixel is one pixel. */
  fits: boolean;
  /** Is told the keys while there is a screen, and null when there is none any more. */
  onKeys: (keys: ScreenKeys | null) => void;
  onLink: (state: LinkState) => void;
  label: string;
}

function keysOf(screen: () => RFB | undefined): ScreenKeys {
  const press = (keys: Stroke): void => {
    const rfb = screen();
    for (const { keysym, code } of keys) rfb?.sendKey(keysym, code, true);
    for (const { keysym, code } of [...keys].reverse()) rfb?.sendKey(keysym, code, false);
  };
  return {
    press,
    async type(strokes) {
      for (const stroke of strokes) {
        if (screen() === undefined) return;
        press(stroke);
        await new Promise((resolve) => setTimeout(resolve, STROKE_MS));
      }
    },
    picture: () =>
      new Promise((resolve) => {
        const rfb = screen();
        if (rfb === undefined) resolve(null);
        else rfb.toBlob(resolve, "image/png");
      }),
    focus: () => screen()?.focus(),
  };
}

export function Screen({ console: ref, host, fits, onKeys, onLink, label }: Props): ReactNode {
  const target = useRef<HTMLDivElement>(null);
  const shown = useRef<RFB | undefined>(undefined);
  const fit = useRef(fits);
  useEffect(() => {
    fit.current = fits;
    if (shown.current !== undefined) shown.current.scaleViewport = fits;
  }, [fits]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const connect = (): void => {
      if (ended || target.current === null) return;
      onLink("connecting");
      const rfb = new RFB(target.current, consoleUrl(ref), { wsProtocols: ["binary"], shared: true });
      shown.current = rfb;
      rfb.scaleViewport = fit.current;
      rfb.background = "#101418";
      rfb.addEventListener("connect", () => onLink("connected"));
      rfb.addEventListener("disconnect", () => {
        if (ended) return;
        shown.current = undefined;
        onLink("lost");
        timer = setTimeout(connect, AGAIN_MS);
      });
    };
    connect();
    onKeys(keysOf(() => shown.current));
    return () => {
      ended = true;
      clearTimeout(timer);
      onKeys(null);
      try {
        shown.current?.disconnect();
      } catch {
        // It had not been connected.
      }
      shown.current = undefined;
    };
  }, [ref, host, onKeys, onLink]);
  return <div ref={target} className="hv-screen" role="application" aria-label={label} />;
}
