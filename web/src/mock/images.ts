// CD images that come into the libraries of the mock pool: sent, or fetched from the web.
import { imageRow } from "./data";
import { MockError, type MockPool, pendingTask } from "./methods";

/** A CD image has arrived in a library. */
export function takeImage(pool: MockPool, query: URLSearchParams): void {
  const [task, name] = [query.get("task_id") ?? "", query.get("name") ?? ""];
  const [library, sr] = pool.tables.all("SR").find(([, each]) => each.uuid === query.get("sr_uuid")) ?? [];
  if (library === undefined || sr === undefined || name.includes("broken")) {
    pool.end(task, "failure", { error_info: ["SR_BACKEND_FAILURE_78", "", "this host may not write into the library (Read-only file system)", ""] });
    return;
  }
  const image = pool.tables.insert("VDI", imageRow(library, name));
  pool.tables.update("SR", library, { VDIs: [...sr.VDIs, image] });
  pool.end(task, "success", { result: `<value>${image}</value>` });
}

/** What the pool is asked to fetch. */
export interface Asked {
  sr: string;
  url: string;
  sha256?: string;
}

/** A CD image that the pool fetches; what is called `missing` is not there. */
export function fetchImage(pool: MockPool, { sr, url, sha256 = "" }: Asked): string {
  const library = pool.tables.all("SR").find(([, each]) => each.uuid === sr)?.[1];
  if (library === undefined) throw new MockError("UUID_INVALID", ["SR", sr]);
  if (!/^https?:/.test(url)) throw new MockError("IMAGE_ADDRESS_INVALID", [url, "neither https nor http"]);
  const task = pool.tables.insert("task", { ...pendingTask("SR.fetch", library.name_label), other_config: { haven_address: url } });
  void bring(pool, task, { sr, url, sha256 });
  return task;
}

async function bring(pool: MockPool, task: string, { sr, url, sha256 = "" }: Asked): Promise<void> {
  const steps = 8;
  const name = url.endsWith("/") ? "debian-stable-mini.iso" : decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
  const size = imageRow("", name).virtual_size ?? 0;
  for (let step = 1; step < steps; step += 1) {
    await new Promise((resolve) => setTimeout(resolve, pool.tempo.task / steps));
    const row = pool.tables.get("task", task);
    if (row?.status === "cancelling") return pool.end(task, "cancelled", { error_info: ["TASK_CANCELLED", task] });
    if (name.includes("missing")) return pool.end(task, "failure", { error_info: ["IMAGE_FETCH_FAILED", url, "the server answers 404 Not Found"] });
    const told = { haven_image: name, haven_bytes: String(Math.round((size * step) / steps)), haven_size: String(size) };
    pool.tables.update("task", task, { progress: step / steps, other_config: { ...row?.other_config, ...told } });
  }
  if (sha256.startsWith("0000")) return pool.end(task, "failure", { error_info: ["IMAGE_CHECKSUM_WRONG", sha256, "b7".repeat(32)] });
  takeImage(pool, new URLSearchParams({ task_id: task, name, sr_uuid: sr }));
}
