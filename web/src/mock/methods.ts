// What the mock pool does when it is called: as the real one where the console can tell.
import type { ClassName, Records, task_status_type } from "@/generated/xenapi";
import { addConsoles, fillPool, type MockSize, EPOCH, NULL, vmOperations, vmRow, wireNow } from "./data";
import { deviceMethods, powerControl } from "./devices";
import { networkMethods } from "./networks";
import { forgetSnapshot, revertTo, takeSnapshot } from "./snapshots";
import { MockTables } from "./tables";

export class MockError extends Error {
  constructor(
    readonly code: string,
    readonly params: string[] = [],
  ) {
    super(code);
  }
}

type Params = readonly unknown[];
type Method = (params: Params, task: string | undefined) => unknown;

/** How long things take, in milliseconds. */
export interface MockTempo {
  task: number;
}

/** A task that has begun. */
export function pendingTask(name: string, target: string): Partial<Records["task"]> {
  return {
    name_label: name,
    name_description: target,
    status: "pending",
    progress: 0,
    created: wireNow(),
    finished: EPOCH,
    allowed_operations: ["cancel"],
    current_operations: {},
    error_info: [],
    result: "",
    type: "<none/>",
    resident_on: NULL,
    other_config: {},
    subtasks: [],
  };
}

export class MockPool {
  readonly tables = new MockTables();
  /** What machines learn at their first boot. */
  readonly seeds = new Map<string, Record<string, string>>();
  private readonly methods: Record<string, Method>;

  constructor(
    readonly size: MockSize,
    readonly tempo: MockTempo = { task: 1500 },
  ) {
    fillPool(this.tables, size);
    this.methods = { ...this.power(), ...this.machines(), ...deviceMethods(this.tables), ...powerControl(this.tables), ...this.availability(), ...this.others() };
  }

  /** Another answer to a call, for a test. */
  replace(name: string, method: Method): void {
    this.methods[name] = method;
  }

  /** Answers a call; `Async.` forms answer a task. */
  async call(name: string, params: Params): Promise<unknown> {
    if (name === "event.from") return this.events(params);
    if (name.startsWith("Async.")) return this.start(name.slice("Async.".length), params);
    return this.run(name, params, undefined);
  }

  private run(name: string, params: Params, task: string | undefined): unknown {
    const method = this.methods[name];
    if (method !== undefined) return method(params, task);
    return this.mechanical(name, params);
  }

  private async events(params: Params): Promise<unknown> {
    const [classes, token, timeout] = params as [string[], string, number];
    const until = Date.now() + timeout * 1000;
    for (;;) {
      const batch = this.tables.since(classes, token);
      if (batch.events.length > 0 || Date.now() >= until) return batch;
      await this.tables.changed(Math.max(1, until - Date.now()));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** get_record, get_all_records, set_…, add_to_…, remove_from_…: they follow from the fields. */
  private mechanical(name: string, params: Params): unknown {
    const [of, verb] = name.split(".") as [ClassName, string];
    if (verb === "get_all_records") return Object.fromEntries(this.tables.all(of));
    const [ref, first, second] = params as [string, unknown, unknown];
    const row = this.tables.get(of, ref) as Record<string, unknown> | undefined;
    if (row === undefined) throw new MockError("HANDLE_INVALID", [of, ref]);
    if (verb === "get_record") return row;
    if (verb.startsWith("get_")) return row[verb.slice(4)];
    if (verb.startsWith("set_")) {
      this.tables.update(of, ref, { [verb.slice(4)]: first } as never);
      return "";
    }
    for (const prefix of ["add_to_", "remove_from_"]) {
      if (!verb.startsWith(prefix)) continue;
      const field = verb.slice(prefix.length);
      const map = { ...(row[field] as Record<string, unknown>) };
      if (prefix === "add_to_") map[String(first)] = second;
      else delete map[String(first)];
      this.tables.update(of, ref, { [field]: map } as never);
      return "";
    }
    throw new MockError("MESSAGE_METHOD_UNKNOWN", [name]);
  }

  private start(name: string, params: Params): string {
    const target = this.labelOf(params[0]);
    const task = this.tables.insert("task", pendingTask(`Async.${name}`, target));
    void this.carryOut(name, params, task);
    return task;
  }

  private async carryOut(name: string, params: Params, task: string): Promise<void> {
    const steps = 8;
    for (let step = 1; step < steps; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, this.tempo.task / steps));
      if (this.tables.get("task", task)?.status === "cancelling") {
        this.end(task, "cancelled", { error_info: ["TASK_CANCELLED", task] });
        return;
      }
      this.tables.update("task", task, { progress: step / steps });
    }
    try {
      const value = this.run(name, params, task);
      this.end(task, "success", { result: value === "" ? "" : `<value>${String(value)}</value>` });
    } catch (error) {
      const info = error instanceof MockError ? [error.code, ...error.params] : ["INTERNAL_ERROR", String(error)];
      this.end(task, "failure", { error_info: info });
    }
  }

  /** The task has ended so. */
  end(task: string, status: task_status_type, more: Partial<Records["task"]>): void {
    this.tables.update("task", task, { status, progress: 1, finished: wireNow(), allowed_operations: [], ...more });
  }

  /** A file of a machine has arrived: the task says what became of it. */
  importFile(task: string): void {
    const file = this.tables.get("task", task)?.name_description ?? "";
    if (file.includes("broken")) {
      this.end(task, "failure", { error_info: ["IMPORT_ERROR", "the file breaks off"] });
      return;
    }
    const metrics = this.tables.insert("VM_metrics", { start_time: EPOCH, other_config: {} });
    const vm = this.tables.insert("VM", vmRow({ name_label: file.replace(/\.xva$/, ""), metrics }));
    this.end(task, "success", { result: `<value>${vm}</value>` });
  }

  /** What a machine shows: the prompt of a text console. */
  screenOf(uuid: string): string {
    const vm = this.tables.all("VM").find(([, row]) => row.uuid === uuid)?.[1];
    if (vm?.power_state !== "Running") throw new MockError("VM_BAD_POWER_STATE", ["", "running", vm?.power_state ?? ""]);
    const line = (y: number, text: string): string => `<text x="12" y="${y}" fill="#ccc" font-family="monospace" font-size="14">${text}</text>`;
    return `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="400"><rect width="640" height="400" fill="#101418"/>${line(24, `Debian GNU/Linux 12 ${vm.name_label} tty1`)}${line(64, `${vm.name_label} login: _`)}</svg>`;
  }

  private labelOf(ref: unknown): string {
    for (const of of ["VM", "host", "SR", "network", "pool"] as const) {
      const row = this.tables.get(of, String(ref));
      if (row !== undefined) return row.name_label;
    }
    return "";
  }

  private vm(ref: unknown): Records["VM"] {
    const row = this.tables.get("VM", String(ref));
    if (row === undefined) throw new MockError("HANDLE_INVALID", ["VM", String(ref)]);
    return row;
  }

  /** Changes the power state, and where the machine is. */
  private setPower(ref: string, state: Records["VM"]["power_state"], host: string): void {
    const before = this.vm(ref).resident_on;
    const { consoles } = this.vm(ref);
    if (state === "Halted") for (const each of consoles) this.tables.remove("console", each);
    const fresh = state === "Running" && consoles.length === 0;
    const own = fresh ? addConsoles(this.tables, ref) : state === "Halted" ? [] : consoles;
    this.tables.update("VM", ref, { power_state: state, resident_on: host, consoles: own, allowed_operations: vmOperations(state) });
    for (const [other, row] of this.tables.all("host")) {
      const has = row.resident_VMs.includes(ref);
      if (other === host && !has) this.tables.update("host", other, { resident_VMs: [...row.resident_VMs, ref] });
      if (other !== host && has && other === before) {
        this.tables.update("host", other, { resident_VMs: row.resident_VMs.filter((vm) => vm !== ref) });
      }
    }
  }

  private anyHost(): string {
    const found = this.tables.all("host").find(([, host]) => host.enabled && this.tables.get("host_metrics", host.metrics)?.live);
    if (found === undefined) throw new MockError("NO_HOSTS_AVAILABLE");
    return found[0];
  }

  private power(): Record<string, Method> {
    const need = (ref: unknown, ...states: string[]): string => {
      const vm = this.vm(ref);
      if (!states.includes(vm.power_state)) {
        throw new MockError("VM_BAD_POWER_STATE", [String(ref), states.join(";").toLowerCase(), vm.power_state.toLowerCase()]);
      }
      return String(ref);
    };
    const set = (states: string[], to: Records["VM"]["power_state"], host?: (params: Params) => string): Method => (params) => {
      const ref = need(params[0], ...states);
      this.setPower(ref, to, host === undefined ? this.vm(ref).resident_on : host(params));
      return "";
    };
    const off = (): string => NULL;
    return {
      "VM.start": set(["Halted"], "Running", () => this.anyHost()),
      "VM.start_on": set(["Halted"], "Running", (params) => String(params[1])),
      "VM.clean_shutdown": set(["Running"], "Halted", off),
      "VM.shutdown": set(["Running"], "Halted", off),
      "VM.hard_shutdown": set(["Running", "Paused", "Suspended"], "Halted", off),
      "VM.clean_reboot": set(["Running"], "Running"),
      "VM.hard_reboot": set(["Running", "Paused"], "Running"),
      "VM.pause": set(["Running"], "Paused"),
      "VM.unpause": set(["Paused"], "Running"),
      "VM.suspend": set(["Running"], "Suspended", off),
      "VM.resume": set(["Suspended"], "Running", () => this.anyHost()),
      "VM.pool_migrate": (params) => {
        set(["Running", "Paused"], "Running", ([, to]) => String(to))(params, undefined);
        const measured = { last_migration_downtime_ms: "84", last_migration_elapsed_ms: "6200", last_migration_bytes: String(640 * 2 ** 20) };
        this.tables.update("VM_metrics", this.vm(params[0]).metrics, { other_config: measured });
        return "";
      },
    };
  }

  private machines(): Record<string, Method> {
    const copy: Method = ([ref, name]) => {
      const from = this.vm(ref);
      const { uuid: _uuid, ...rest } = from;
      return this.tables.insert("VM", vmRow({ ...rest, name_label: String(name), is_default_template: false, VBDs: [], VIFs: [], metrics: this.tables.insert("VM_metrics", { start_time: wireNow(), other_config: {} }) }));
    };
    return {
      "VM.clone": copy,
      "VM.copy": copy,
      "VM.provision": ([ref]) => {
        const { other_config } = this.vm(ref);
        if (/[^a-z0-9_-]/.test(other_config["cloud-init-user"] ?? "")) throw new MockError("INVALID_VALUE", ["cloud-init-user", "wrong"]);
        this.seeds.set(String(ref), Object.fromEntries(Object.entries(other_config).filter(([key]) => key.startsWith("cloud-init-"))));
        this.tables.update("VM", String(ref), { is_a_template: false, power_state: "Halted", allowed_operations: vmOperations("Halted") });
        return "";
      },
      "VM.snapshot": ([ref, name]) => takeSnapshot(this.tables, String(ref), String(name), false, wireNow()),
      "VM.checkpoint": ([ref, name]) => takeSnapshot(this.tables, String(ref), String(name), true, wireNow()),
      "VM.revert": ([ref]) => {
        const { vm, state } = revertTo(this.tables, String(ref));
        this.setPower(vm, state, NULL);
        return "";
      },
      "VM.destroy": ([ref]) => {
        if (this.vm(ref).is_a_snapshot) forgetSnapshot(this.tables, String(ref));
        this.tables.remove("VM", String(ref));
        return "";
      },
      "VM.get_possible_hosts": () => this.tables.all("host").map(([ref]) => ref),
      "VM.assert_can_boot_here": ([, host]) => {
        const row = this.tables.get("host", String(host));
        if (row?.enabled !== true) throw new MockError("HOST_DISABLED", [String(host)]);
        return "";
      },
      // As the pool: it says what is no number of cores.
      "VM.add_to_platform": ([ref, key, value]) => {
        const { platform, VCPUs_max: most } = this.vm(ref);
        if (key === "cores-per-socket" && most % Number(value) !== 0) throw new MockError("VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE", [String(most), String(value)]);
        this.tables.update("VM", String(ref), { platform: { ...platform, [String(key)]: String(value) } });
        return "";
      },
      "VM.assert_agile": () => "",
      "VM.set_memory": ([ref, bytes]) => {
        const size = Number(bytes);
        this.tables.update("VM", String(ref), { memory_static_max: size, memory_dynamic_max: size, memory_dynamic_min: size });
        return "";
      },
      "VM.set_VCPUs_number_live": ([ref, count]) => {
        const { VCPUs_max: most, power_state: state } = this.vm(ref);
        if (state !== "Running") throw new MockError("VM_BAD_POWER_STATE", [String(ref), "running", state.toLowerCase()]);
        if (Number(count) > most) throw new MockError("INVALID_VALUE", ["nvcpu", String(count)]);
        this.tables.update("VM", String(ref), { VCPUs_at_startup: Number(count) });
        return "";
      },
      "VM_group.get_by_name_label": ([name]) => this.tables.all("VM_group").filter(([, each]) => each.name_label === name).map(([ref]) => ref),
      "VM_group.create": ([record]) => this.tables.insert("VM_group", { ...(record as Partial<Records["VM_group"]>), VMs: [] }),
      "VM.get_allowed_VBD_devices": () => ["0", "1", "2", "3"],
      "VM.get_allowed_VIF_devices": () => ["0", "1", "2", "3"],
    };
  }

  /** How many failures the mock's pool survives: a round number that depends on what is protected. */
  tolerance(): number {
    const live = this.tables.all("host").filter(([, host]) => this.tables.get("host_metrics", host.metrics)?.live).length;
    return Math.max(0, Math.min(live - 1, Math.floor(live / 2)));
  }

  private availability(): Record<string, Method> {
    return {
      "pool.enable_ha": ([srs, configuration]) => {
        const [[pool]] = this.tables.all("pool") as [[string, Records["pool"]]];
        if (this.tables.all("host").length < 2) throw new MockError("HA_TOO_FEW_HOSTS");
        this.tables.update("pool", pool, {
          ha_enabled: true,
          ha_configuration: configuration as Record<string, string>,
          ha_statefiles: srs as string[],
          ha_plan_exists_for: Math.min(1, this.tolerance()),
        });
        return "";
      },
      "pool.disable_ha": () => {
        const [[pool]] = this.tables.all("pool") as [[string, Records["pool"]]];
        this.tables.update("pool", pool, { ha_enabled: false, ha_plan_exists_for: 0 });
        return "";
      },
      "pool.ha_failover_plan_exists": ([failures]) => Number(failures) <= this.tolerance(),
      "pool.ha_compute_max_host_failures_to_tolerate": () => this.tolerance(),
      "pool.ha_compute_hypothetical_max_host_failures_to_tolerate": () => this.tolerance(),
      "pool.ha_compute_vm_failover_plan": ([failed, vms]) => {
        const left = this.tables.all("host").filter(([ref]) => !(failed as string[]).includes(ref));
        const place = (index: number): Record<string, string> => {
          const host = left[index % Math.max(1, left.length)];
          return host === undefined ? { error_code: "NO_HOSTS_AVAILABLE" } : { host: host[0] };
        };
        return Object.fromEntries((vms as string[]).map((vm, index) => [vm, place(index)]));
      },
      "SR.assert_can_host_ha_statefile": ([sr]) => {
        const row = this.tables.get("SR", String(sr));
        if (row?.shared !== true) throw new MockError("INCOMPATIBLE_STATEFILE_SR", [row?.type ?? ""]);
        return "";
      },
    };
  }

  private others(): Record<string, Method> {
    return {
      "pool.ha_prevent_restarts_for": () => "",
      "task.create": ([label, description]) =>
        this.tables.insert("task", {
          name_label: String(label), name_description: String(description), status: "pending", progress: 0, created: wireNow(), finished: EPOCH,
          allowed_operations: [], current_operations: {}, error_info: [], result: "", type: "<none/>", resident_on: NULL, other_config: {}, subtasks: [],
        }),
      ...networkMethods(this.tables),
      "PIF.scan": () => "",
      "VBD.insert": ([vbd, vdi]) => {
        this.tables.update("VBD", String(vbd), { VDI: String(vdi), empty: false });
        return "";
      },
      "VBD.eject": ([vbd]) => {
        this.tables.update("VBD", String(vbd), { VDI: NULL, empty: true });
        return "";
      },
      "task.cancel": ([task]) => {
        // A task that a client made for itself nobody else would end.
        const isOwn = this.tables.get("task", String(task))?.allowed_operations.length === 0;
        this.tables.update("task", String(task), { status: isOwn ? "cancelled" : "cancelling" });
        return "";
      },
      "message.destroy": ([message]) => {
        this.tables.remove("message", String(message));
        return "";
      },
      "message.destroy_many": ([messages]) => {
        for (const message of messages as string[]) this.tables.remove("message", message);
        return "";
      },
      "host.disable": ([host]) => {
        this.tables.update("host", String(host), { enabled: false });
        return "";
      },
      "host.enable": ([host]) => {
        this.tables.update("host", String(host), { enabled: true });
        return "";
      },
      "host.evacuate": ([host]) => {
        const to = this.tables.all("host").find(([ref]) => ref !== host)?.[0];
        if (to === undefined) throw new MockError("NO_HOSTS_AVAILABLE");
        for (const [ref, vm] of this.tables.all("VM")) if (vm.resident_on === host) this.setPower(ref, vm.power_state, to);
        return "";
      },
      "SR.get_supported_types": () => ["nfs", "file", "local", "iso"],
      "SR.probe": () => "<?xml version='1.0' ?><Exports><Export><Path>/export</Path><Target>10.77.2.100</Target></Export></Exports>",
      "SR.scan": () => "",
      "SR.introduce": ([uuid, name, description, type, content, shared]) =>
        this.tables.insert("SR", {
          uuid: String(uuid), name_label: String(name), name_description: String(description), type: String(type), shared: shared === true,
          physical_size: 2 ** 41, physical_utilisation: 2 ** 34, virtual_allocation: 0, content_type: String(content),
          PBDs: [], VDIs: [], tags: [], other_config: {}, allowed_operations: ["scan"], current_operations: {},
        }),
      "PBD.create": ([record]) => this.tables.insert("PBD", { ...(record as Partial<Records["PBD"]>), currently_attached: false }),
      "PBD.plug": ([pbd]) => {
        this.tables.update("PBD", String(pbd), { currently_attached: true });
        return "";
      },
      "SR.create": ([host, device, , name, description, type, content, shared]) => {
        const sr = this.tables.insert("SR", {
          name_label: String(name), name_description: String(description), type: String(type), shared: shared === true || type === "nfs",
          physical_size: 2 ** 41, physical_utilisation: 2 ** 34, virtual_allocation: 0, content_type: String(content),
          PBDs: [], VDIs: [], tags: [], other_config: {}, allowed_operations: ["scan"], current_operations: {},
        });
        const hosts = type === "local" ? [String(host)] : this.tables.all("host").map(([ref]) => ref);
        const pbds = hosts.map((each) => this.tables.insert("PBD", { host: each, SR: sr, currently_attached: true, device_config: device as Record<string, string>, other_config: {} }));
        this.tables.update("SR", sr, { PBDs: pbds });
        return sr;
      },
      "SR.forget": ([sr]) => {
        this.tables.remove("SR", String(sr));
        return "";
      },
    };
  }
}
