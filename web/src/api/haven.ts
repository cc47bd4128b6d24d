// Haven's own routes beside XenAPI.
import { request } from "./http";

/** Who this page talks to, and as whom. */
export interface SessionState {
  /** `unconfigured`: the host belongs to no pool yet, and the first run begins. */
  role: "unconfigured" | "member" | "coordinator";
  signed_in: boolean;
  user: string;
  csrf: string;
  /** Name of the pool; known before signing in, so that one sees where one is. */
  pool: string;
  host: string;
  version: string;
}

export const session = {
  get: (signal?: AbortSignal) => request<SessionState>("GET", "/ui/session", undefined, signal),
  open: (user: string, password: string) => request<SessionState>("POST", "/ui/session", { user, password }),
  close: () => request<null>("DELETE", "/ui/session"),
};

/** What one host says of itself before it belongs to a pool. */
export interface SetupFacts {
  hostname: string;
  address: string;
  version: string;
  checks: Array<{ id: string; ok: boolean; detail: string }>;
}

/** First run of a host that belongs to no pool; `code` is what `haven web` prints on the host. */
export const setup = {
  facts: (code: string) => request<SetupFacts>("POST", "/ui/setup/facts", { code }),
  init: (code: string, name: string, password: string) =>
    request<{ uuid: string; host: string }>("POST", "/ui/setup/init", { code, name, password }),
  join: (code: string, token: string) =>
    request<{ pool: string; coordinator: string }>("POST", "/ui/setup/join", { code, token }),
};

export interface HaHost {
  name: string;
  uuid?: string;
  state: string;
  network: boolean;
  storage: boolean;
  permit: string;
  heard_ms?: Array<number | null>;
  disk_ms?: number | null;
}

/** What the time-outs promise, in milliseconds. */
export interface HaLimits {
  restart_ms: number;
  isolated_ms: number;
  network_ms: number;
  storage_ms: number;
  watchdog_ms: number;
  /** Where hosts that give way ask their guests first. */
  guests_ms?: number | null;
}

export interface HaStatus {
  enabled: boolean;
  state: string;
  profile?: string | null;
  coordinator?: string | null;
  epoch?: number | null;
  /** `text`: what is tolerated and what binds, in the language of the page. */
  tolerance: { wanted: number; possible: number; text?: string };
  protected: number;
  problems?: unknown[] | null;
  /** How soon, in milliseconds, by kind of fault; none while protection is off. */
  limits?: HaLimits | null;
  hosts: HaHost[];
  statefiles: Array<{ sr: string; state: string; latency_us?: number | null }>;
}

export interface Migration {
  vm: string;
  name: string;
  downtime_ms: number;
  elapsed_ms: number | null;
  bytes: number | null;
}

export const haven = {
  haStatus: (signal?: AbortSignal) => request<HaStatus>("GET", "/ui/haven/ha/status", undefined, signal),
  migrations: (signal?: AbortSignal) => request<Migration[]>("GET", "/ui/haven/migrations", undefined, signal),
  joinToken: () => request<{ token: string; expires_ms: number }>("POST", "/ui/haven/pool/token", {}),
};
