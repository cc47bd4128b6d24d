// A file that is sent to the pool: its task tells what became of it.
import type { QueryClient } from "@tanstack/react-query";
import { call } from "@/api/rpc";
import { upload } from "@/api/upload";
import type { Records, Ref } from "@/generated/xenapi";
import { outcome, resultRef, waitForTask } from "./taskWatch";

export interface FileToSend {
  file: File;
  /** Name of the task by which it is watched, in the list of tasks too. */
  task: string;
  /** Route that takes it, and its query. */
  path: string;
  query: Record<string, string>;
  /** Ends it. */
  signal?: AbortSignal;
}

/** Sends it; `onShare` hears what part is sent, of one. Answers the object that it became, if the task names one. */
export async function sendFile(client: QueryClient, { file, task: label, path, query, signal }: FileToSend, onShare: (share: number) => void): Promise<string | undefined> {
  const task = await call("task.create", label, file.name);
  const address = `${path}?${new URLSearchParams({ ...query, task_id: task }).toString()}`;
  try {
    await upload(address, file, onShare, signal);
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
