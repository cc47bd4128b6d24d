// The serial line, by xterm.js.
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { type ReactNode, useEffect, useRef } from "react";
import { consoleUrl, type LinkState } from "./Console";
import { styleSheetDocument, withStyleSheets } from "./styleSheets";

/** Pause before a lost line is asked for again, in milliseconds. */
const AGAIN_MS = 700;
const SCROLLBACK_LINES = 5000;

interface Props {
  console: string;
  host: string;
  onLink: (state: LinkState) => void;
  label: string;
}

export function Serial({ console: ref, host, onLink, label }: Props): ReactNode {
  const target = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal | null>(null);
  useEffect(() => {
    if (target.current === null) return;
    const made = new Terminal({ scrollback: SCROLLBACK_LINES, convertEol: true, screenReaderMode: true, documentOverride: styleSheetDocument(), theme: { background: "#101418" } });
    const fit = new FitAddon();
    made.loadAddon(fit);
    const at = target.current;
    withStyleSheets(() => made.open(at));
    fit.fit();
    const observer = new ResizeObserver(() => fit.fit());
    observer.observe(target.current);
    terminal.current = made;
    return () => {
      observer.disconnect();
      terminal.current = null;
      made.dispose();
    };
  }, []);
  useEffect(() => {
    let socket: WebSocket | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const connect = (): void => {
      if (ended) return;
      onLink("connecting");
      socket = new WebSocket(consoleUrl(ref), "binary");
      socket.binaryType = "arraybuffer";
      socket.addEventListener("open", () => onLink("connected"));
      socket.addEventListener("message", (event: MessageEvent<ArrayBuffer>) => terminal.current?.write(new Uint8Array(event.data)));
      socket.addEventListener("close", () => {
        if (ended) return;
        onLink("lost");
        timer = setTimeout(connect, AGAIN_MS);
      });
    };
    connect();
    const encoder = new TextEncoder();
    const input = terminal.current?.onData((data) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(encoder.encode(data));
    });
    return () => {
      ended = true;
      clearTimeout(timer);
      input?.dispose();
      socket?.close();
    };
  }, [ref, host, onLink]);
  return <div ref={target} className="hv-serial" aria-label={label} role="application" />;
}
