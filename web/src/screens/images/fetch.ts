// A CD image that the pool fetches from a web server. Its task goes on whatever becomes of the page.
import { useState } from "react";
import { useWorld } from "@/actions/runner";
import { haven } from "@/api/haven";
import { call } from "@/api/rpc";
import type { Ref } from "@/generated/xenapi";
import { useI18n } from "@/i18n";
import { type Item, useTable } from "@/store/hooks";
import { resultRef, waitForTask } from "@/store/taskWatch";
import { useNotices } from "@/ui/notices";
import { useIsHere } from "@/ui/useIsHere";

/** An image by its address, as a person wrote it. */
export interface WantedImage {
  url: string;
  sha256: string;
  library: Item<"SR">;
}

export type FetchState =
  | { is: "none" }
  | { is: "fetching"; task: Ref<"task"> | undefined }
  | { is: "failed"; error: unknown }
  | { is: "done"; name: string; url: string };

export interface ImageFetch {
  state: FetchState;
  start: (wanted: WantedImage) => void;
  cancel: () => void;
}

/** Where an ISO library of an `nfs://` address would be; undefined: it is none. */
export function nfsPlace(url: string): string | undefined {
  const match = /^nfs:\/\/([^/]+)(\/.*)?$/i.exec(url.trim());
  return match === null ? undefined : `${match[1] ?? ""}:${(match[2] ?? "/").replace(/(.)\/+$/, "$1")}`;
}

/** Why an address or a checksum is none; a message. Undefined: the pool may ask. */
export function wrongAddress(url: string): string | undefined {
  if (nfsPlace(url) !== undefined) return "fetch-is-nfs";
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !["http:", "https:"].includes(parsed.protocol)) return "fetch-wrong-address";
  return parsed.username === "" && parsed.password === "" ? undefined : "fetch-has-password";
}

export function isChecksum(text: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/i.test(text.trim());
}

/** How much has come of what a task fetches, and of how much; undefined: it does not say. */
export function fetched(task: Item<"task"> | undefined): { bytes: number; size: number | undefined } | undefined {
  const { haven_bytes: bytes, haven_size: size } = task?.other_config ?? {};
  return bytes === undefined ? undefined : { bytes: Number(bytes), size: size === undefined ? undefined : Number(size) };
}

/** A fetch of this page; `onDone` hears the image that came of it. */
export function useImageFetch(onDone?: (image: string) => void): ImageFetch {
  const { t } = useI18n();
  const world = useWorld();
  const images = useTable("VDI");
  const { show, showError } = useNotices();
  const isHere = useIsHere();
  const [state, setState] = useState<FetchState>({ is: "none" });
  const run = async ({ url, sha256, library }: WantedImage): Promise<void> => {
    setState({ is: "fetching", task: undefined });
    try {
      const { task } = await haven.fetchImage({ sr: library.uuid, url, ...(sha256 === "" ? {} : { sha256 }) });
      setState({ is: "fetching", task });
      const ended = await waitForTask(world.client, task);
      const image = resultRef(ended);
      const name = ended.other_config["haven_image"] ?? images.byRef.get(image ?? "")?.name_label ?? url;
      setState({ is: "done", name, url });
      if (!isHere()) show({ variant: "success", title: t("image-done", { name }) });
      else if (image !== undefined) onDone?.(image);
    } catch (error) {
      if (isCancelled(error)) setState({ is: "none" });
      else if (isHere()) setState({ is: "failed", error });
      else showError(error, { action: "fetch-do", object: url });
    }
  };
  const cancel = (): void => {
    if (state.is === "fetching" && state.task !== undefined) call("task.cancel", state.task).catch((error: unknown) => showError(error));
  };
  return { state, start: (wanted) => void run(wanted), cancel };
}

function isCancelled(error: unknown): boolean {
  return (error as { code?: string } | null)?.code === "TASK_CANCELLED";
}
