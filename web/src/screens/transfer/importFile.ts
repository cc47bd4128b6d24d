// A file that becomes a machine.
import type { QueryClient } from "@tanstack/react-query";
import { sendFile } from "@/store/sendFile";

export interface ImportOptions {
  /** Uuid of the storage that its disks go to. */
  sr: string;
  /** It comes back: its interfaces keep their addresses. */
  restores: boolean;
}

/** Brings it in; `onShare` hears what part is sent. Answers the machine, if the task names one. */
export function importFile(client: QueryClient, file: File, { sr, restores }: ImportOptions, onShare: (share: number) => void): Promise<string | undefined> {
  return sendFile(client, { file, task: "VM.import", path: "/ui/import", query: { sr_uuid: sr, restore: String(restores) } }, onShare);
}
