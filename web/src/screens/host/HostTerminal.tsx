// A terminal of a host, by xterm.js: bytes are what is typed, a text says how large it is.
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { type ReactNode, useEffect, useRef } from "react";
import { styleSheetDocument, withStyleSheets } from "../vm/styleSheets";

const SCROLLBACK_LINES = 5000;

export type LineState = "connecting" | "connected" | "closed";

interface Props {
  /** Its uuid. */
  host: string;
  label: string;
  onLine: (state: LineState) => void;
}

function addressOf(host: string): string {
  const { protocol, host: server } = window.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${server}/ui/console?host=${encodeURIComponent(host)}`;
}

export default function HostTerminal({ host, label, onLine }: Props): ReactNode {
  const target = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const at = target.current;
    if (at === null) return;
    const terminal = new Terminal({ scrollback: SCROLLBACK_LINES, screenReaderMode: true, documentOverride: styleSheetDocument(), theme: { background: "#101418" } });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    withStyleSheets(() => terminal.open(at));
    // It is not opened again by itself: whoever was there has to sign in anew.
    const socket = new WebSocket(addressOf(host), "binary");
    socket.binaryType = "arraybuffer";
    let ended = false;
    const isOpen = (): boolean => socket.readyState === WebSocket.OPEN;
    const tellSize = (): void => {
      if (isOpen()) socket.send(`${terminal.cols} ${terminal.rows}`);
    };
    socket.addEventListener("open", () => {
      onLine("connected");
      fit.fit();
      tellSize();
      terminal.focus();
    });
    socket.addEventListener("message", (event: MessageEvent<ArrayBuffer>) => terminal.write(new Uint8Array(event.data)));
    socket.addEventListener("close", () => {
      if (!ended) onLine("closed");
    });
    const encoder = new TextEncoder();
    const typed = terminal.onData((data) => {
      if (isOpen()) socket.send(encoder.encode(data));
    });
    const resized = terminal.onResize(tellSize);
    const observer = new ResizeObserver(() => fit.fit());
    observer.observe(at);
    return () => {
      ended = true;
      observer.disconnect();
      typed.dispose();
      resized.dispose();
      socket.close();
      terminal.dispose();
    };
  }, [host, onLine]);
  return <div ref={target} className="hv-serial" aria-label={label} role="application" />;
}
