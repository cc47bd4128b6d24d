// The routes that the page asks, in front of the mock pool.
import type { ArmingCheck, HaStatus, HostCheck, Moving, MovingDisk, NewMachine, SessionState, StorageTest, StorageTried, FoundPool, WaitingHost, WhatIf } from "@/api/haven";
import { type Asked, fetchImage, takeImage } from "./images";
import { MockError, MockPool, type MockTempo } from "./methods";
import { joinHost, fixed, type MockSize } from "./data";
import { rrdUpdates } from "./rrd";
import { partBody } from "@/screens/alerts/words";

export interface MockAnswer {
  status: number;
  body: unknown;
  /** Instead of the body: a picture, as SVG. */
  picture?: string;
}

/** The password that the mock accepts, and the code of its first run. */
export const MOCK_PASSWORD = "haven-demo";
export const MOCK_CODE = "ABCD-EFGH";

/** How long a drill takes here, in milliseconds. */
const DRILL_MS = 3000;

/** Hosts in no pool. The second has a clock that is wrong, and does not reach the storage. */
function waitingHosts(): WaitingHost[] {
  return [8, 9].map((number) => ({
    host: fixed(1, number), name: `host${number}`, address: `10.77.0.${number}`, version: "0.1.0", fingerprint: `${number}c1f`.repeat(16),
  }));
}

export class MockServer {
  pool: MockPool;
  /** Which host answers. */
  coordinator = "host1";
  /** Whether the pool has no coordinator right now. */
  isAway = false;
  private signedIn = false;
  private sessions = 0;
  private founded: boolean;

  constructor(
    private readonly size: MockSize,
    private readonly tempo?: MockTempo,
  ) {
    this.pool = new MockPool(size, tempo);
    this.founded = size.isFresh !== true;
  }

  /** Another pool of the same size; who is signed in stays so. */
  reset(): void {
    this.pool = new MockPool(this.size, this.tempo);
    this.coordinator = "host1";
    this.isAway = false;
    this.waiting = waitingHosts();
    this.cutOff.clear();
  }

  /** Ends the session, as a coordinator that was restarted does. */
  expire(): void {
    this.signedIn = false;
  }

  async answer(method: string, address: string, body: unknown): Promise<MockAnswer> {
    const [path = "", query = ""] = address.split("?");
    if (this.isAway) {
      // Another one coordinates when they answer again, and counts its generations anew.
      this.coordinator = "host2";
      this.pool.tables.forgetDeletions();
      return { status: 200, body: { error: { code: 1, message: "HOST_STILL_BOOTING", data: [] } } };
    }
    try {
      if (path === "/ui/rrd_updates") {
        if (!this.signedIn) throw new MockError("SESSION_INVALID", [""]);
        return { status: 200, body: rrdUpdates(this.pool.tables, new URLSearchParams(query)) };
      }
      if (path === "/ui/vncsnapshot") return { status: 200, body: null, picture: this.pool.screenOf(new URLSearchParams(query).get("uuid") ?? "") };
      if (path === "/ui/import_raw_vdi") {
        takeImage(this.pool, new URLSearchParams(query));
        return { status: 200, body: null };
      }
      if (path === "/ui/import" || path === "/ui/export") {
        if (!this.signedIn) throw new MockError("SESSION_INVALID", [""]);
        if (path === "/ui/import") this.pool.importFile(new URLSearchParams(query).get("task_id") ?? "");
        return { status: 200, body: null };
      }
      return { status: 200, body: await this.route(`${method} ${path}`, (body ?? {}) as Record<string, unknown>) };
    } catch (error) {
      const known = error instanceof MockError ? error : new MockError("INTERNAL_ERROR", [String(error)]);
      // As the daemon: a call that fails is an answer, not a failed request.
      return { status: path === "/ui/rpc" ? 200 : 400, body: { error: { code: 1, message: known.code, data: known.params } } };
    }
  }

  private session(): SessionState {
    const [row] = this.pool.tables.all("pool");
    return {
      role: this.founded ? "coordinator" : "unconfigured",
      signed_in: this.signedIn,
      user: this.signedIn ? "root" : "",
      csrf: this.signedIn ? `mock-${this.sessions}` : "",
      pool: this.founded ? (row?.[1].name_label ?? "") : "",
      host: "host1",
      version: "0.1.0",
    };
  }

  private async route(route: string, body: Record<string, unknown>): Promise<unknown> {
    switch (route) {
      case "GET /ui/session":
        return this.session();
      case "POST /ui/session":
        if (body["password"] !== MOCK_PASSWORD) throw new MockError("SESSION_AUTHENTICATION_FAILED", [String(body["user"]), "wrong"]);
        this.signedIn = true;
        this.sessions += 1;
        return this.session();
      case "DELETE /ui/session":
        this.signedIn = false;
        return null;
      case "POST /ui/rpc":
        if (!this.signedIn) throw new MockError("SESSION_INVALID", [""]);
        return { jsonrpc: "2.0", id: body["id"], result: await this.pool.call(String(body["method"]), body["params"] as unknown[]) };
      case "POST /ui/setup/facts":
      case "POST /ui/setup/pools":
      case "POST /ui/setup/join":
      case "POST /ui/setup/init":
        return this.setup(route, body);
      case "GET /ui/haven/ha/status":
        return this.haStatus();
      case "POST /ui/haven/ha/check":
        return this.armingCheck();
      case "POST /ui/haven/preferences":
        return this.prefer(body["set"] as Record<string, string | null>);
      case "POST /ui/haven/alerts/acknowledge":
        return this.acknowledge(body as { alerts: string[]; note?: string; undo?: boolean });
      case "POST /ui/haven/ha/pause":
      case "POST /ui/haven/ha/drill":
      case "POST /ui/haven/ha/set":
        return this.protection(route, body);
      case "POST /ui/haven/ha/what-if":
        return this.whatIf(body["changes"] as NewMachine[]);
      case "POST /ui/haven/host/console":
        return { refusal: this.pool.tables.all("pool")[0]?.[1].other_config["haven_host_console"] === "off" ? "off_in_pool" : this.noLogin.has(String(body["host"])) ? "no_login" : null };
      case "POST /ui/haven/storage/fetch":
        return { task: fetchImage(this.pool, body as unknown as Asked) };
      case "POST /ui/haven/storage/test":
        return this.tryStorage(body);
      case "GET /ui/haven/pool/waiting":
        return { hosts: this.waiting.map((host) => ({ ...host, fingerprint: this.announced[host.name] ?? host.fingerprint })), pools: [] };
      case "POST /ui/haven/pool/check-host":
      case "POST /ui/haven/pool/add-host":
        return this.newHost(route, body as Record<string, string>);
      case "GET /ui/haven/migrations/now":
        return this.moving();
      case "GET /ui/haven/disk-moves/now":
        return this.movingDisks();
      case "GET /ui/haven/migrations":
        return [];
      case "POST /ui/haven/pool/token":
        return { token: "haven1:10.77.0.1:4fd1c2b7:d0c5f0ae", expires_ms: Date.now() + 3_600_000 };
      default:
        throw new MockError("MESSAGE_METHOD_UNKNOWN", [route]);
    }
  }

  /** Pools of the network of a host that is in none. */
  found: FoundPool[] = ["School", "干净的机房"].map((pool_name, index) => ({
    pool: fixed(2, index + 1), pool_name, ca_sha256: `${index + 1}ca0`.repeat(16), host: fixed(1, index + 21), name: `rack${index + 1}`, address: `10.77.0.${index + 21}`, version: "0.1.0", fingerprint: `${index + 1}f1e`.repeat(16),
  }));

  /** How far the clock of the new host is ahead, in milliseconds. */
  clockOffMs = 0;

  private setup(route: string, body: Record<string, unknown>): unknown {
    if (body["code"] !== MOCK_CODE) throw new MockError("SESSION_AUTHENTICATION_FAILED", ["setup", "wrong code"]);
    if (route.endsWith("pools")) return { pools: this.found };
    if (route.endsWith("join")) {
      this.founded = true;
      return { pool: "", coordinator: "" };
    }
    if (route.endsWith("facts")) {
      return {
        hostname: "host1",
        address: "10.77.0.1",
        version: "0.1.0",
        wall_ms: Date.now() + this.clockOffMs,
        time_zone: "Europe/Madrid",
        checks: [
          { id: "hypervisor", ok: true, detail: "libvirt 10.0, QEMU 8.2" },
          { id: "virtualisation", ok: true, detail: "KVM" },
          { id: "memory", ok: true, detail: "64 GiB" },
          { id: "links", ok: true, detail: "2/4" },
          { id: "address", ok: false, detail: "10.77.0.1 (DHCP)" },
          { id: "name", ok: true, detail: "host1 10.77.0.1" },
        ],
      };
    }
    const [pool] = this.pool.tables.all("pool");
    if (pool !== undefined) this.pool.tables.update("pool", pool[0], { name_label: String(body["name"]) });
    this.founded = true;
    return { uuid: pool?.[1].uuid ?? "", host: "" };
  }

  /** Moves that run, each at half of its way in the second pass. */
  private movingDisks(): MovingDisk[] {
    const disks = this.pool.tables.all("VDI").filter(([, row]) => Object.values(row.current_operations ?? {}).length > 0);
    return disks.map(([disk]) => ({ vm: "", disk, becomes: disk, done_bytes: 3 * 2 ** 30, remaining_bytes: 5 * 2 ** 30, bytes_s: 210 * 2 ** 20 }));
  }

  private moving(): Moving[] {
    const { tables } = this.pool;
    const running = tables.all("task").filter(([, task]) => task.name_label === "Async.VM.pool_migrate" && task.status === "pending");
    return running.map(([, task]) => ({
      vm: tables.all("VM").find(([, vm]) => vm.name_label === task.name_description)?.[1].uuid ?? "",
      iteration: 2, sent_bytes: 600 * 2 ** 20, remaining_bytes: 40 * 2 ** 20, transfer_bytes_s: 120 * 2 ** 20, dirty_bytes_s: 9 * 2 ** 20, pause_ms: 61, slowed_percent: 20,
    }));
  }

  /** What the one who is signed in likes, in the pool's own row. */
  private prefer(set: Record<string, string | null>): unknown {
    const { tables } = this.pool;
    const [[ref, pool]] = tables.all("pool") as [ReturnType<typeof tables.all<"pool">>[number]];
    const key = `haven_user/${this.session().user}`;
    const all = { ...(JSON.parse(pool.gui_config[key] ?? "{}") as Record<string, string>), ...set };
    const preferences = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
    tables.update("pool", ref, { gui_config: { ...pool.gui_config, [key]: JSON.stringify(preferences) } });
    return { preferences };
  }

  private acknowledge({ alerts, note = "", undo = false }: { alerts: string[]; note?: string; undo?: boolean }): unknown {
    const { tables } = this.pool;
    for (const [ref, row] of tables.all("message").filter(([, each]) => alerts.includes(each.uuid))) {
      const { text, data } = partBody(row.body);
      const said = undo ? data : { ...data, acknowledged: { by: "root", at_ms: Date.now(), note } };
      tables.update("message", ref, { body: Object.keys(said).length === 0 ? text : `${text} ${JSON.stringify(said)}` });
    }
    return { count: alerts.length };
  }

  /** Pauses, drills and settings: what the pool's own row says of them. */
  private protection(route: string, body: Record<string, unknown>): unknown {
    const { tables } = this.pool;
    const [[ref, pool]] = tables.all("pool") as [ReturnType<typeof tables.all<"pool">>[number]];
    const { haven_restarts_prevented_until_ms: _until, haven_restarts_prevented_by: _by, ...config } = pool.other_config;
    const set = (more: Record<string, string>): void => tables.update("pool", ref, { other_config: { ...config, ...more } });
    if (route.endsWith("set")) {
      tables.update("pool", ref, { ha_configuration: { ...pool.ha_configuration, ...(body["configuration"] as Record<string, string>) } });
      return {};
    }
    if (route.endsWith("pause")) {
      const seconds = Number(body["seconds"]);
      const asked = { by: "root", reason: String(body["reason"] ?? ""), since_ms: Date.now() };
      set(seconds === 0 ? {} : { haven_restarts_prevented_until_ms: String(Date.now() + seconds * 1000), haven_restarts_prevented_by: JSON.stringify(asked) });
      return {};
    }
    const now = Date.now();
    const host = tables.all("host").find(([, each]) => each.uuid === body["host"])?.[1];
    const [here, other] = [host, tables.all("host").find(([, each]) => each.uuid !== body["host"])?.[0]];
    if (here === undefined) {
      const done = { kind: "rehearsal", by: "root", began_ms: now, ended_ms: now, passed: true };
      set({ haven_drill_last: JSON.stringify(done) });
      return done;
    }
    const vms = tables.all("VM").filter(([, vm]) => vm.resident_on !== "" && here.resident_VMs.length > 0 && tables.get("host", vm.resident_on)?.uuid === here.uuid);
    const bare = vms.filter(([, vm]) => vm.ha_restart_priority === "").map(([, vm]) => vm.name_label);
    if (bare.length > 0) throw new MockError("HA_DRILL_UNPROTECTED", [bare.join(", ")]);
    const drill = { kind: "host", by: "root", began_ms: now, host: here.name_label, count: vms.length };
    set({ haven_drill_running: JSON.stringify(drill) });
    setTimeout(() => {
      for (const [vm] of vms) tables.update("VM", vm, { resident_on: other ?? "" });
      const { haven_drill_running: _running, ...rest } = tables.get("pool", ref)?.other_config ?? {};
      tables.update("pool", ref, { other_config: { ...rest, haven_drill_last: JSON.stringify({ ...drill, passed: true, ended_ms: Date.now() }) } });
    }, DRILL_MS);
    return drill;
  }

  /** As the planner: a machine fits onto the host that has most memory free. */
  private whatIf(changes: NewMachine[]): WhatIf {
    const { tables } = this.pool;
    const free = tables.all("host").map(([ref, host]) => ({ ref, name: host.name_label, left: tables.get("host_metrics", host.metrics)?.memory_free ?? 0 }));
    const reaches = (host: string, sr: string): boolean => tables.all("PBD").some(([, pbd]) => pbd.host === host && tables.get("SR", pbd.SR)?.uuid === sr);
    const placed: Array<{ vm: string; host: string }> = [];
    for (const change of changes) {
      const best = free.filter(({ ref }) => change.cd_sr === undefined || reaches(ref, change.cd_sr)).reduce((a, b) => (b.left > a.left ? b : a));
      if (best.left < change.memory) throw new MockError("OPERATION_NOT_ALLOWED", ["no host has enough memory for the new machine"]);
      placed.push({ vm: "the new machine", host: best.name });
      best.left -= change.memory;
    }
    const tolerance = { failures: this.pool.tolerance(), text: "" };
    const wanted = tables.all("pool")[0]?.[1].ha_host_failures_to_tolerate ?? 0;
    return { wanted, enough: tolerance.failures >= wanted, before: tolerance, after: tolerance, placed };
  }

  /** Hosts without a login, by uuid. */
  readonly noLogin = new Set<string>();

  /** Fingerprints with which hosts make themselves known, where they are not those that they show. */
  announced: Record<string, string> = {};

  /** Hosts in no pool. */
  waiting: WaitingHost[] = waitingHosts();

  private newHost(route: string, body: Record<string, string>): unknown {
    const { address = "", fingerprint = "", code = "" } = body;
    const host = this.waiting.find((each) => [each.address, `${each.name}.school`].includes(address));
    if (host === undefined) throw new MockError("CANDIDATE_UNREACHABLE", [address, "Connection refused (os error 111)"]);
    if (code === "") return { fingerprint: host.fingerprint, waits: true };
    if (fingerprint !== host.fingerprint) throw new MockError("CANDIDATE_UNREACHABLE", [address, "another certificate"]);
    if (code !== MOCK_CODE) throw new MockError("SESSION_AUTHENTICATION_FAILED", ["setup", "wrong code"]);
    if (route.endsWith("add-host")) {
      joinHost(this.pool.tables, Number(host.address.split(".").at(-1)));
      this.waiting = this.waiting.filter((each) => each !== host);
      return { address, joined: { host: host.host } };
    }
    const isOdd = host.name.endsWith("9");
    const good = (id: string, detail: string): HostCheck => ({ id, state: "good", detail });
    const clock: HostCheck = isOdd ? { id: "clock", state: "bad", detail: "95012 ms", error: { message: "HOST_CLOCK_SKEW", data: ["95", "30"] } } : good("clock", "12 ms");
    const storage: HostCheck = isOdd ? { id: "storage", state: "bad", detail: "vms", error: { message: "SR_BACKEND_FAILURE_73", data: ["", "mount.nfs: No route to host", ""] } } : good("storage", "vms");
    const checks = [
      good("free", ""), good("identity", host.name), good("version", "0.1.0"), good("cpu", "AuthenticAMD, AMD EPYC 7302P"), clock,
      good("address", address), good("name", host.name), good("hypervisor", "libvirt 10.0, QEMU 8.2"), good("virtualisation", "KVM"),
      good("cpu-model", "EPYC"), isOdd ? { id: "machines", state: "warning", detail: "win10 (running), contab (shut off)", machines: [{ name: "win10", runs: true }, { name: "contab", runs: false }] } : good("machines", ""), { id: "links", state: "warning" as const, detail: "0/2" }, good("memory", "65536 MiB"), storage,
    ];
    return { fingerprint, waits: true, name: host.name, address, version: "0.1.0", ok: !isOdd, checks };
  }

  /** Hosts without a watchdog, by name. */
  readonly bare = new Set<string>();

  private armingCheck(): ArmingCheck {
    const hosts = this.pool.tables.all("host").map(([, host]): ArmingCheck["hosts"][number] => {
      const isBare = this.bare.has(host.name_label);
      const watchdog = isBare ? "there is no watchdog at /dev/watchdog; load the driver of the hardware's watchdog, or softdog" : "";
      const good = (["guard", "peers", "clock"] as const).map((id) => ({ id, state: "good" as const, text: "" }));
      return { host: host.uuid, name: host.name_label, checks: [...good, { id: "watchdog", state: isBare ? "bad" : "good", text: watchdog }] };
    });
    return { hosts };
  }

  /** Hosts that cannot reach the storage, by name. */
  readonly cutOff = new Set<string>();

  /** Every host reaches everything but what is called missing. */
  private tryStorage(body: Record<string, unknown>): StorageTried {
    const config = body["device_config"] as Record<string, string>;
    const place = config["serverpath"] ?? config["location"] ?? "";
    const isLibrary = body["type"] === "iso";
    const isDirectory = body["type"] === "file";
    const all = this.pool.tables.all("host").map(([, host]) => host);
    const hosts = (body["shared"] === true ? all : all.slice(0, 1)).map((host, index): StorageTest => {
      const head = { host: host.uuid, name: host.name_label };
      if (place.includes("missing") || this.cutOff.has(host.name_label)) {
        const why = `host ${host.name_label}: mount.nfs: access denied by server while mounting ${place}`;
        return { ...head, ok: false, error: { message: "SR_BACKEND_FAILURE_73", data: ["", why, ""] } };
      }
      const same_place = !(isDirectory && index > 0 && place.includes("own"));
      const there = place.includes("earlier") ? ["0e0e0e0e-0000-4000-8000-00000000000e"] : [];
      const measured = isLibrary ? { found: ["debian-12.iso", "windows-server-2025.iso"] } : { found: there, size: 2 ** 41, used: 2 ** 34, write_us: 1800 + index * 300, mib_per_s: 108, clock_ms: 4 };
      return { ...head, ok: same_place && there.length === 0, same_place, ...measured };
    });
    return { ok: hosts.every((host) => host.ok), hosts };
  }

  private haStatus(): HaStatus {
    const { tables } = this.pool;
    const pool = tables.all("pool")[0]?.[1];
    const enabled = pool?.ha_enabled === true;
    const sr = tables.all("SR")[0]?.[1];
    return {
      enabled,
      state: enabled ? "armed" : "off",
      profile: pool?.ha_configuration["profile"] ?? null,
      coordinator: tables.all("host")[0]?.[1].uuid ?? null,
      epoch: enabled ? 4 : null,
      tolerance: { wanted: pool?.ha_host_failures_to_tolerate ?? 0, possible: this.pool.tolerance() },
      protected: tables.all("VM").filter(([, vm]) => vm.power_state === "Running" && vm.ha_restart_priority === "restart").length,
      problems: [],
      limits: enabled ? { restart_ms: 22_500, takeover_ms: 25_800, isolated_ms: 8000, network_ms: 4000, storage_ms: 8000, watchdog_ms: 15_000 } : null,
      hosts: tables.all("host").map(([, host]) => {
        const live = tables.get("host_metrics", host.metrics)?.live === true;
        return { name: host.name_label, uuid: host.uuid, state: enabled ? (live ? "member" : "dead") : live ? "live" : "silent", network: live, storage: live, permit: enabled && live ? "disk" : "", watchdog: enabled ? (live ? "armed" : "waits") : "off", ...(enabled && host.name_label !== "host1" ? { heard_ms: [live ? 140 : 95_000], disk_ms: live ? 610 : 95_000 } : {}) };
      }),
      statefiles: enabled && sr !== undefined ? [{ sr: sr.uuid, state: "good", latency_us: 2300 }] : [],
    };
  }
}
