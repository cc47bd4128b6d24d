// Haven's own routes beside XenAPI.
import type { Ref } from "@/generated/xenapi";
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
  /** Its clock, in milliseconds since 1970, and its time zone; empty: none is set. */
  wall_ms?: number;
  time_zone?: string;
  checks: Array<{ id: string; ok: boolean; detail: string }>;
}

/** First run of a host that belongs to no pool; `code` is what `haven web` prints on the host. */
export const setup = {
  pools: (code: string, signal?: AbortSignal) => request<{ pools: FoundPool[] }>("POST", "/ui/setup/pools", { code }, signal),
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
  /** What stands behind its guard; `waits`: not yet, or no more. */
  watchdog?: "armed" | "none" | "waits" | "off";
  heard_ms?: Array<number | null>;
  disk_ms?: number | null;
}

/** What the time-outs promise, in milliseconds. */
export interface HaLimits {
  restart_ms: number;
  /** The same when the host coordinates. Hosts of an earlier version do not say it. */
  takeover_ms?: number;
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

/** A move that runs now; 0 where nothing is known yet. */
/** A disk that moves under its machine. */
export interface MovingDisk {
  /** Uuid of the machine. */
  vm: string;
  /** References of the disk, and of the one that it becomes. */
  disk: string;
  becomes: string;
  done_bytes: number;
  remaining_bytes: number;
  bytes_s: number;
}

export interface Moving {
  vm: string;
  /** Passes over the memory. */
  iteration: number;
  sent_bytes: number;
  remaining_bytes: number;
  transfer_bytes_s: number;
  /** Memory that the guest changes meanwhile. */
  dirty_bytes_s: number;
  /** The pause if it ended now. */
  pause_ms: number;
  /** How much the guest is slowed down for it. */
  slowed_percent: number;
}

/** A machine that does not exist yet. */
export interface NewMachine {
  change: "add";
  /** Bytes. */
  memory: number;
  vcpus: number;
  policy: string;
  /** Uuid of the storage of its disk. */
  sr?: string;
  /** Uuid of the storage of its disc. */
  cd_sr?: string;
}

/** What a number of failures is tolerated, and why no more. */
export interface Tolerance {
  failures: number;
  text: string;
  reason?: string | null;
}

/** What the pool would be like after changes. */
export interface WhatIf {
  /** Failures that the pool promises to survive. */
  wanted: number;
  /** Whether it still could. */
  enough: boolean;
  before: Tolerance;
  after: Tolerance;
  /** Where machines that are added would run. One that fits nowhere is an error. */
  placed: Array<{ vm: string; host: string }>;
}

/** How one host reached a place that may become storage. */
export interface StorageTest {
  host: string;
  name: string;
  ok: boolean;
  /** Why it could not use the place at all. */
  error?: { message: string; data: string[] };
  /** Whether it sees what the first host left there. */
  same_place?: boolean;
  /** Repositories that lie there already; images of a library. */
  found?: string[];
  size?: number;
  used?: number;
  /** Microseconds of a synchronous write of 4 KiB. */
  write_us?: number | null;
  mib_per_s?: number | null;
  /** How far the clock of the storage is ahead, in milliseconds. */
  clock_ms?: number | null;
}

export interface StorageTried {
  ok: boolean;
  hosts: StorageTest[];
}

/** A host in no pool that made itself known. What it says proves nothing. */
export interface WaitingHost {
  host: string;
  name: string;
  address: string;
  version: string;
  fingerprint: string;
}

/** A pool whose coordinator made itself known. What it says proves nothing. */
export interface FoundPool extends WaitingHost {
  pool: string;
  pool_name: string;
  /** Of its CA, as its join tokens have it. */
  ca_sha256: string;
}

/** One thing that joining would look at. */
export interface HostCheck {
  id: string;
  state: "good" | "warning" | "bad";
  /** What was found. */
  detail: string;
  error?: { message: string; data: string[] };
  /** Machines in its hypervisor that are not the pool's, where that is what is checked. */
  machines?: Array<{ name: string; runs: boolean }>;
}

/** What every host says before protection is turned on; `text` is the pool's own sentence, in English. */
export interface ArmingCheck {
  hosts: Array<{
    host: string;
    name: string;
    checks: Array<{ id: "guard" | "watchdog" | "peers" | "clock"; state: "good" | "warning" | "bad"; text: string }>;
    error?: { message: string; data: string[] };
  }>;
}

/** A host as the pool sees it before it joins; without a code only that it answers. */
export interface CheckedHost {
  fingerprint: string;
  /** Whether it is in no pool. */
  waits: boolean;
  name?: string;
  ok?: boolean;
  checks?: HostCheck[];
}

/** Why a host gives no console of its own. */
export type HostConsoleRefusal = "off_in_pool" | "off_here" | "no_login" | "full";

/** A host that has joined. */
export interface AddedHost {
  /** Where it was spoken to; the pool may reach it elsewhere. */
  address: string;
  /** Its own answer: its uuid. */
  joined: { host?: string };
}

/** What a rehearsal finds wrong: `case` and what it is about. */
export interface DrillFinding {
  case: "paused" | "missing" | "network" | "storage" | "statefile" | "room";
  host?: string;
  vm?: string;
  sr?: string;
  network?: number;
}

/** A drill as the pool records it. */
export interface Drill {
  kind: "rehearsal" | "host";
  by: string;
  began_ms: number;
  ended_ms?: number;
  passed?: boolean;
  host?: string;
  /** Protected machines that ran on the host. */
  count?: number;
  /** Names of those that did not come back. */
  behind?: string[];
  findings?: DrillFinding[];
}

/** How a person likes the console: the time zone (empty: the browser's), the language, named filters of alerts. */
export interface Likes {
  time_zone?: string;
  language?: string;
  alert_filters?: string;
}

export const haven = {
  fetchImage: (asked: { sr: string; url: string; sha256?: string }) => request<{ task: Ref<"task"> }>("POST", "/ui/haven/storage/fetch", asked),
  prefer: (set: { [Key in keyof Likes]?: string | null }) => request<{ preferences: Likes }>("POST", "/ui/haven/preferences", { set }),
  acknowledge: (asked: { alerts: string[]; note?: string; undo?: boolean }) => request<{ count: number }>("POST", "/ui/haven/alerts/acknowledge", asked),
  pause: (seconds: number, reason = "") => request<unknown>("POST", "/ui/haven/ha/pause", { seconds, reason }),
  drill: (host?: string) => request<Drill>("POST", "/ui/haven/ha/drill", host === undefined ? {} : { host }),
  armingCheck: (signal?: AbortSignal) => request<ArmingCheck>("POST", "/ui/haven/ha/check", {}, signal),
  haSet: (configuration: Record<string, string>) => request<unknown>("POST", "/ui/haven/ha/set", { configuration }),
  waiting: (signal?: AbortSignal) => request<{ hosts: WaitingHost[] }>("GET", "/ui/haven/pool/waiting", undefined, signal),
  checkHost: (address: string, fingerprint = "", code = "") => request<CheckedHost>("POST", "/ui/haven/pool/check-host", { address, fingerprint, code }),
  addHost: (address: string, fingerprint: string, code: string) => request<AddedHost>("POST", "/ui/haven/pool/add-host", { address, fingerprint, code }),
  whatIf: (asked: { changes: NewMachine[] }, signal?: AbortSignal) => request<WhatIf>("POST", "/ui/haven/ha/what-if", asked, signal),
  testStorage: (type: string, device_config: Record<string, string>, shared: boolean, signal?: AbortSignal) =>
    request<StorageTried>("POST", "/ui/haven/storage/test", { type, device_config, shared }, signal),
  haStatus: (signal?: AbortSignal) => request<HaStatus>("GET", "/ui/haven/ha/status", undefined, signal),
  migrations: (signal?: AbortSignal) => request<Migration[]>("GET", "/ui/haven/migrations", undefined, signal),
  moving: (signal?: AbortSignal) => request<Moving[]>("GET", "/ui/haven/migrations/now", undefined, signal),
  hostConsole: (host: string, signal?: AbortSignal) => request<{ refusal: HostConsoleRefusal | null }>("POST", "/ui/haven/host/console", { host }, signal),
  movingDisks: (signal?: AbortSignal) => request<MovingDisk[]>("GET", "/ui/haven/disk-moves/now", undefined, signal),
  joinToken: () => request<{ token: string; expires_ms: number }>("POST", "/ui/haven/pool/token", {}),
};
