// A file that becomes a machine: it is sent, and its task tells what became of it.
import type { QueryClient } from "@tanstack/react-query";
import { call } from "@/api/rpc";
import { upload } from "@/api/upload";
import type { Records, Ref } from "@/generated/xenapi";
import { outcome, resultRef, waitForTask } from "@/store/taskWatch";

/** The task by which the file is watched, in the list of tasks too. */
const TASK = "VM.import";

export interface ImportOptions {
  /** Uuid of the storage that its disks go to. */
  sr: string;
  /** It comes back: its interfaces keep their addresses. */
  restores: boolean;
}

/** Brings it in; `onShare` hears what part is sent. Answers the machine, if the task names one. */
export async function importFile(client: QueryClient, file: File, { sr, restores }: ImportOptions, onShare: (share: number) => void): Promise<string | undefined> {
  const task = await call("task.create", TASK, file.name);
  const query = new URLSearchParams({ sr_uuid: sr, restore: String(restores), task_id: task });
  try {
    await upload(`/ui/import?${query.toString()}`, file, onShare);
  } catch (error) {
    return resultRef(await toldOf(task, error));
  }
  return resultRef(await waitForTask(client, task));
}

/** A file that was not taken: its task may know why, or that all of it arrived; one that waits for it still is ended. */
async function toldOf(task: Ref<"task">, error: unknown): Promise<Records["task"]> {
  const row = await call("task.get_record", task).catch(() => undefined);
  if (row !== undefined && outcome(row) === true) return row;
  if (row !== undefined) await call("task.cancel", task).catch(() => undefined);
  throw error;
}
