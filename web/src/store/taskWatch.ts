// Waiting for a task by the events that arrive anyway.
import type { QueryClient } from "@tanstack/react-query";
import type { Records, Ref } from "@/generated/xenapi";
import { ApiError } from "@/api/errors";
import { call } from "@/api/rpc";
import { tableKey, tableOf } from "./tables";

/** A task that was never seen in the events for so long is asked for, in milliseconds. */
const UNSEEN_MS = 5000;

type Task = Records["task"];

/** Whether it has ended, and how: an exception for failures. Undefined: it goes on. */
export function outcome(task: Task): true | undefined {
  switch (task.status) {
    case "success":
      return true;
    case "failure":
      throw new ApiError(task.error_info[0] ?? "INTERNAL_ERROR", task.error_info.slice(1));
    case "cancelled":
      throw new ApiError("TASK_CANCELLED", []);
    default:
      return undefined;
  }
}

/** Waits until the task has ended; its row then. */
export async function waitForTask(client: QueryClient, ref: Ref<"task">): Promise<Task> {
  const begun = Date.now();
  let seen = false;
  for (;;) {
    const row = tableOf(client, "task").byRef.get(ref);
    if (row !== undefined) {
      seen = true;
      if (outcome(row) === true) return row;
    } else if (seen || Date.now() - begun > UNSEEN_MS) {
      const asked = await call("task.get_record", ref);
      if (outcome(asked) === true) return asked;
    }
    await nextChange(client);
  }
}

/** The reference in a task's result: `<value>OpaqueRef:…</value>`. */
export function resultRef(task: Task): string | undefined {
  return /OpaqueRef:[0-9a-fA-F-]+/.exec(task.result)?.[0];
}

function nextChange(client: QueryClient): Promise<void> {
  const key = JSON.stringify(tableKey("task"));
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      unsubscribe();
      resolve();
    };
    const timer = setTimeout(done, UNSEEN_MS);
    const unsubscribe = client.getQueryCache().subscribe((event) => {
      if (event.query.queryHash === key) done();
    });
  });
}
