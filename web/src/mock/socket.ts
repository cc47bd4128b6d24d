// Consoles of the mock pool: a serial line that says again what it hears, and a screen with stripes.
// As much of WebSocket (RFC 6455) and of RFB (RFC 6143) as that takes.
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const BINARY = 2;
const CLOSE = 8;
const WIDTH = 320;
const HEIGHT = 200;

/** One end of a WebSocket that carries bytes. */
class Socket {
  private buffer = Buffer.alloc(0);

  constructor(
    private readonly stream: Duplex,
    private readonly onBytes: (bytes: Buffer, socket: Socket) => void,
  ) {
    stream.on("data", (chunk: Buffer) => this.read(chunk));
    stream.on("error", () => stream.destroy());
  }

  send(bytes: Buffer): void {
    const long = bytes.length > 65_535;
    const head = bytes.length < 126 ? Buffer.from([0x80 | BINARY, bytes.length]) : long ? Buffer.alloc(10) : Buffer.alloc(4);
    if (bytes.length >= 126) {
      head[0] = 0x80 | BINARY;
      head[1] = long ? 127 : 126;
      if (long) head.writeBigUInt64BE(BigInt(bytes.length), 2);
      else head.writeUInt16BE(bytes.length, 2);
    }
    if (this.stream.writable) this.stream.write(Buffer.concat([head, bytes]));
  }

  private read(chunk: Buffer): void {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    for (;;) {
      if (this.buffer.length < 6) return;
      const small = (this.buffer[1] ?? 0) & 127;
      // Nobody types 64 KiB at once.
      const [length, start] = small === 126 ? [this.buffer.readUInt16BE(2), 4] : [small, 2];
      if (this.buffer.length < start + 4 + length) return;
      const mask = this.buffer.subarray(start, start + 4);
      const data = Buffer.from(this.buffer.subarray(start + 4, start + 4 + length)).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      const operation = (this.buffer[0] ?? 0) & 15;
      this.buffer = this.buffer.subarray(start + 4 + length);
      if (operation === CLOSE) this.stream.end();
      else if (operation === BINARY) this.onBytes(Buffer.from(data), this);
    }
  }
}

/** Answers the upgrade of a console: `protocol` is that of its row, `greets` what a serial line says first. */
export function openConsole(request: IncomingMessage, stream: Duplex, protocol: string, greets = "LAB READY\r\n"): void {
  const key = createHash("sha1").update(`${request.headers["sec-websocket-key"] ?? ""}${GUID}`).digest("base64");
  stream.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\nSec-WebSocket-Protocol: binary\r\n\r\n`,
  );
  if (protocol === "rfb") {
    new Socket(stream, screen()).send(Buffer.from("RFB 003.008\n"));
  } else {
    new Socket(stream, guest()).send(Buffer.from(greets));
  }
}

/** A guest that says again what it hears. */
function guest(): (bytes: Buffer, socket: Socket) => void {
  let line = "";
  return (bytes, socket) => {
    line += bytes.toString("utf8");
    socket.send(bytes);
    if (!/[\r\n]/.test(line)) return;
    socket.send(Buffer.from(`\r\nLAB HEARD ${line.trim()}\r\n`));
    line = "";
  };
}

/** A server of RFB: no password, stripes, and silence. */
function screen(): (bytes: Buffer, socket: Socket) => void {
  let step = 0;
  return (bytes, socket) => {
    step += 1;
    if (step === 1) socket.send(Buffer.from([1, 1]));
    else if (step === 2) socket.send(Buffer.alloc(4));
    else if (step === 3) socket.send(greeting());
    // 3: an update is asked for; the first one alone is answered.
    else if (step > 3 && Number.isFinite(step) && bytes.includes(3)) {
      socket.send(picture());
      step = Infinity;
    }
  };
}

function greeting(): Buffer {
  const name = Buffer.from("mock");
  const head = Buffer.alloc(24);
  head.writeUInt16BE(WIDTH, 0);
  head.writeUInt16BE(HEIGHT, 2);
  // 32 bits a pixel, 24 deep, little endian, true colour: blue, green, red.
  head.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4);
  head.writeUInt32BE(name.length, 20);
  return Buffer.concat([head, name]);
}

function picture(): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(WIDTH, 8);
  head.writeUInt16BE(HEIGHT, 10);
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 4);
  for (let at = 0; at < WIDTH * HEIGHT; at += 1) {
    const stripe = Math.floor(((at % WIDTH) / WIDTH) * 8);
    pixels.set([stripe & 1 ? 200 : 40, stripe & 2 ? 200 : 40, stripe & 4 ? 200 : 40, 0], at * 4);
  }
  return Buffer.concat([head, pixels]);
}
