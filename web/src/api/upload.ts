// Sends a file to the host that served this page, with progress: fetch does not tell how far it is.
import { csrfToken } from "./http";

/** Sends it; `onShare` hears what part is sent, of one. Resolves when the host has taken it all. */
export function upload(path: string, file: Blob, onShare: (share: number) => void): Promise<void> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.setRequestHeader("X-Haven-Csrf", csrfToken());
    request.upload.addEventListener("progress", ({ loaded, total }) => onShare(total === 0 ? 0 : loaded / total));
    // However it ends: the task that the file belongs to says whether it worked, and why not.
    request.addEventListener("loadend", () => resolve());
    request.send(file);
  });
}
