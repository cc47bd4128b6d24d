// Calls of the pool's API, typed by the declarations of the server. The session travels in a cookie
// that scripts cannot read; the server puts it in front of the parameters.
import type { MethodName, Methods, Ref } from "@/generated/xenapi";
import { request } from "./http";

let serial = 0;

async function raw(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
  serial += 1;
  const body = { jsonrpc: "2.0", id: serial, method, params };
  const answer = await request<{ result: unknown }>("POST", "/ui/rpc", body, signal);
  return answer.result;
}

/** Calls a message and waits for its value. */
export async function call<M extends MethodName>(
  method: M,
  ...params: Methods[M]["params"]
): Promise<Methods[M]["result"]> {
  return (await raw(method, params)) as Methods[M]["result"];
}

/** As `call`; can be given up. */
export async function callWith<M extends MethodName>(
  signal: AbortSignal,
  method: M,
  ...params: Methods[M]["params"]
): Promise<Methods[M]["result"]> {
  return (await raw(method, params, signal)) as Methods[M]["result"];
}

/** Starts a message as a task and answers the task at once. */
export async function start<M extends MethodName>(
  method: M,
  ...params: Methods[M]["params"]
): Promise<Ref<"task">> {
  return (await raw(`Async.${method}`, params)) as Ref<"task">;
}

/** A reference to nothing. */
export const NULL_REF = "OpaqueRef:NULL";

/** Whether a reference names something. */
export function isRef(ref: string | undefined): ref is string {
  return ref !== undefined && ref !== "" && ref !== NULL_REF;
}
