// Requests to the host that served this page. Every answer with an error becomes an exception.
import { ApiError, Unreachable } from "./errors";

let csrf = "";
let coordinator = "";
const coordinatorListeners = new Set<() => void>();

let transport: typeof fetch | undefined;

/** Another one answers instead of the host that served this page: the demo. */
export function setTransport(other: typeof fetch): void {
  transport = other;
}

/** Whether what is shown is the demo, and no pool. */
export function isDemo(): boolean {
  return transport !== undefined;
}

/** Sets the token that proves that a request comes from this page; the session hands it out. */
export function setCsrf(token: string): void {
  csrf = token;
}

/** The token, for requests that are not made here. */
export function csrfToken(): string {
  return csrf;
}

/** Calls `listener` when another host has become coordinator. */
export function onCoordinatorChange(listener: () => void): () => void {
  coordinatorListeners.add(listener);
  return () => coordinatorListeners.delete(listener);
}

function noticeCoordinator(response: Response): void {
  const now = response.headers.get("x-haven-coordinator");
  if (now === null || now === coordinator) return;
  const changed = coordinator !== "";
  coordinator = now;
  if (changed) for (const listener of coordinatorListeners) listener();
}

interface WireError {
  message: string;
  data?: string[];
}

function wireError(body: unknown): WireError | undefined {
  if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
  const error = body.error;
  if (typeof error !== "object" || error === null || !("message" in error)) return undefined;
  return error as WireError;
}

type Method = "GET" | "POST" | "DELETE";

async function send(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  // Explanations come in the language of the page.
  const headers: Record<string, string> = { "Accept-Language": document.documentElement.lang || "en" };
  if (method !== "GET") headers["X-Haven-Csrf"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await (transport ?? fetch)(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new Unreachable(String(error));
  }
  noticeCoordinator(response);
  return response;
}

/** One request; the body and the answer are JSON. */
export async function request<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return read<T>(await send(method, path, body, signal));
}

/** A picture; an answer in JSON says why there is none. */
export async function picture(path: string, signal?: AbortSignal): Promise<Blob> {
  const response = await send("GET", path, undefined, signal);
  if (response.headers.get("content-type")?.startsWith("image/") === true) return response.blob();
  await read<unknown>(response);
  throw new Unreachable(`HTTP ${response.status}`);
}

async function read<T>(response: Response): Promise<T> {
  return readAnswer(response.status, await response.text()) as T;
}

/** What an answer says: JSON, or nothing. An error in it, or a status that is one, is thrown. */
export function readAnswer(status: number, text: string): unknown {
  let answer: unknown;
  try {
    answer = text === "" ? null : JSON.parse(text);
  } catch {
    throw new Unreachable(`HTTP ${status}`);
  }
  const error = wireError(answer);
  if (error !== undefined) throw new ApiError(error.message, error.data ?? []);
  if (status < 200 || status > 299) throw new Unreachable(`HTTP ${status}`);
  return answer;
}
