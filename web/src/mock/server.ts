// The routes that the page asks, in front of the mock pool.
import type { HaStatus, SessionState } from "@/api/haven";
import { MockError, MockPool, type MockTempo } from "./methods";
import type { MockSize } from "./data";
import { rrdUpdates } from "./rrd";

export interface MockAnswer {
  status: number;
  body: unknown;
  /** Instead of the body: a picture, as SVG. */
  picture?: string;
}

/** The password that the mock accepts, and the code of its first run. */
export const MOCK_PASSWORD = "haven-demo";
export const MOCK_CODE = "ABCD-EFGH";

export class MockServer {
  pool: MockPool;
  /** Which host answers. */
  coordinator = "host1";
  /** Whether the pool has no coordinator right now. */
  isAway = false;
  private signedIn = false;
  private sessions = 0;
  private founded: boolean;

  constructor(size: MockSize, tempo?: MockTempo) {
    this.pool = new MockPool(size, tempo);
    this.founded = size.isFresh !== true;
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
      case "POST /ui/setup/init":
        return this.setup(route, body);
      case "GET /ui/haven/ha/status":
        return this.haStatus();
      case "GET /ui/haven/migrations":
        return [];
      case "POST /ui/haven/pool/token":
        return { token: "haven1:10.77.0.1:4fd1c2b7:d0c5f0ae", expires_ms: Date.now() + 3_600_000 };
      default:
        throw new MockError("MESSAGE_METHOD_UNKNOWN", [route]);
    }
  }

  private setup(route: string, body: Record<string, unknown>): unknown {
    if (body["code"] !== MOCK_CODE) throw new MockError("SESSION_AUTHENTICATION_FAILED", ["setup", "wrong code"]);
    if (route.endsWith("facts")) {
      return {
        hostname: "host1",
        address: "10.77.0.1",
        version: "0.1.0",
        checks: [
          { id: "hypervisor", ok: true, detail: "libvirt 10.0, QEMU 8.2" },
          { id: "virtualisation", ok: true, detail: "KVM" },
          { id: "memory", ok: true, detail: "64 GiB" },
          { id: "links", ok: true, detail: "2/4" },
          { id: "address", ok: false, detail: "10.77.0.1 (DHCP)" },
        ],
      };
    }
    const [pool] = this.pool.tables.all("pool");
    if (pool !== undefined) this.pool.tables.update("pool", pool[0], { name_label: String(body["name"]) });
    this.founded = true;
    return { uuid: pool?.[1].uuid ?? "", host: "" };
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
      limits: enabled ? { restart_ms: 22_500, isolated_ms: 8000, network_ms: 4000, storage_ms: 8000, watchdog_ms: 15_000 } : null,
      hosts: tables.all("host").map(([, host]) => {
        const live = tables.get("host_metrics", host.metrics)?.live === true;
        return { name: host.name_label, uuid: host.uuid, state: enabled ? (live ? "member" : "dead") : live ? "live" : "silent", network: live, storage: live, permit: enabled && live ? "disk" : "" };
      }),
      statefiles: enabled && sr !== undefined ? [{ sr: sr.uuid, state: "good", latency_us: 2300 }] : [],
    };
  }
}
