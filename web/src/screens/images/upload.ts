// A CD image on its way into a library. It goes on when its page is left; only closing the window ends it.
import { useRef, useState } from "react";
import { useWorld } from "@/actions/runner";
import { isLibrary } from "@/model/storage";
import { type Item, useAll } from "@/store/hooks";
import { sendFile } from "@/store/sendFile";
import { useI18n } from "@/i18n";
import { useNotices } from "@/ui/notices";
import { useIsHere } from "@/ui/useIsHere";

/** Endings of the names of images, as the server lists them. */
const ENDINGS = [".iso", ".img"];
/** Where a CD or DVD says what it is: one byte into each of its sectors 16 to 31. */
const SECTOR = 2048;
const MARKS: ReadonlySet<string> = new Set(["CD001", "BEA01", "NSR02", "NSR03"]);

export type UploadState =
  | { is: "none" }
  | { is: "sending"; name: string; share: number }
  | { is: "failed"; name: string; error: unknown }
  | { is: "done"; name: string };

export interface ImageUpload {
  state: UploadState;
  start: (file: File, library: Item<"SR">) => void;
  cancel: () => void;
}

/** Whether a file begins as a CD does; what is called `.img` may be anything. */
export async function isCd(file: File): Promise<boolean> {
  if (!file.name.toLowerCase().endsWith(".iso")) return true;
  const sectors = new Uint8Array(await read(file.slice(16 * SECTOR, 32 * SECTOR)));
  const text = new TextDecoder("latin1");
  for (let at = 1; at + 5 <= sectors.length; at += SECTOR) {
    if (MARKS.has(text.decode(sectors.subarray(at, at + 5)))) return true;
  }
  return false;
}

function read(part: Blob): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result as ArrayBuffer));
    reader.addEventListener("error", () => reject(new Error("the file cannot be read")));
    reader.readAsArrayBuffer(part);
  });
}

/** Why a file cannot be an image of this library; a message. Undefined: it may be one. */
export function wrongName(name: string, library: Item<"SR">, images: ReadonlyArray<Item<"VDI">>): string | undefined {
  if (!ENDINGS.some((ending) => name.toLowerCase().endsWith(ending)) || name.startsWith(".")) return "image-wrong-name";
  return images.some((image) => image.SR === library.$ref && image.location === name) ? "image-is-there" : undefined;
}

/** Libraries that take images: those which a host has. */
export function useLibraries(): Array<Item<"SR">> {
  const reached = new Set(useAll("PBD").filter((pbd) => pbd.currently_attached).map((pbd) => pbd.SR));
  return useAll("SR").filter((sr) => isLibrary(sr) && sr.type !== "udev" && reached.has(sr.$ref));
}

/** An upload of this page; `onDone` hears the image that came of it. */
export function useImageUpload(onDone?: (image: string) => void): ImageUpload {
  const { t } = useI18n();
  const world = useWorld();
  const { show, showError } = useNotices();
  const isHere = useIsHere();
  const [state, setState] = useState<UploadState>({ is: "none" });
  const aborts = useRef<AbortController | null>(null);
  const run = async (file: File, library: Item<"SR">): Promise<void> => {
    const { name } = file;
    const abort = new AbortController();
    aborts.current = abort;
    setState({ is: "sending", name, share: 0 });
    const onShare = (share: number): void => setState({ is: "sending", name, share });
    try {
      const image = await sendFile(world.client, { file, task: "SR.upload", path: "/ui/import_raw_vdi", query: { sr_uuid: library.uuid, name }, signal: abort.signal }, onShare);
      setState({ is: "done", name });
      if (!isHere()) show({ variant: "success", title: t("image-done", { name }) });
      else if (image !== undefined) onDone?.(image);
    } catch (error) {
      if (abort.signal.aborted) setState({ is: "none" });
      else if (isHere()) setState({ is: "failed", name, error });
      else showError(error, { action: "image-do", object: name });
    }
  };
  return { state, start: (file, library) => void run(file, library), cancel: () => aborts.current?.abort() };
}
