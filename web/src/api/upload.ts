// Sends a file to the host that served this page, with progress: fetch does not tell how far it is.
import { Unreachable } from "./errors";
import { csrfToken, readAnswer } from "./http";

/**
 * Sends it; `onShare` hears what part is sent, of one. Resolves when the host has taken it all; throws
 * what it refused, or `Unreachable`, also when `signal` ends it. While it goes, closing the window asks first: another page of the
 * console does not end it, closing the window would.
 */
export async function upload(path: string, file: Blob, onShare: (share: number) => void, signal?: AbortSignal): Promise<void> {
  const warn = (event: Event): void => event.preventDefault();
  window.addEventListener("beforeunload", warn);
  try {
    const { status, text } = await send(path, file, onShare, signal);
    readAnswer(status, text);
  } finally {
    window.removeEventListener("beforeunload", warn);
  }
}

function send(path: string, file: Blob, onShare: (share: number) => void, signal?: AbortSignal): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.setRequestHeader("X-Haven-Csrf", csrfToken());
    request.upload.addEventListener("progress", ({ loaded, total }) => onShare(total === 0 ? 0 : loaded / total));
    request.addEventListener("load", () => resolve({ status: request.status, text: request.responseText }));
    for (const end of ["error", "abort", "timeout"]) request.addEventListener(end, () => reject(new Unreachable(`PUT: ${end}`)));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}
