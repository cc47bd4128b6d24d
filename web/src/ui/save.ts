// Gives the person a file.

/** How long the browser may take to read it, in milliseconds. */
const READ_MS = 10_000;

/** What is behind an address; it goes straight to the disk, whatever its size. */
export function download(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

export function save(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  download(url, name);
  setTimeout(() => URL.revokeObjectURL(url), READ_MS);
}
