// The lab beneath the story: its hosts, and what of the API the page does not offer.
import { execFileSync } from "node:child_process";
import { expect, type Page } from "@playwright/test";

export const LAB = process.env["HAVEN_LAB"] ?? "webstory";
const PROGRAM = process.env["HAVEN_LAB_PROGRAM"] ?? "haven-lab";
export const PASSWORD = "haven-demo";
export const EXPORT = "10.88.0.250:/export/vms";
export const MINUTE = 60_000;

export const address = (host: number): string => `https://10.77.0.${host}`;
export const lab = (...words: string[]): string => execFileSync(PROGRAM, ["--id", LAB, ...words], { encoding: "utf8" });

/** Tries a host's first run needs until it says its code. */
const CODE_TRIES = 60;

/** The code with which the first run of a host begins, as root of the host is told. */
export async function setupCode(host: number): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    try {
      const said = lab("sh", String(host), "/haven/haven", "--output", "json", "web");
      return (JSON.parse(said) as { code: string }).code;
    } catch (error) {
      if (tries >= CODE_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

export async function rpc(page: Page, method: string, params: unknown[]): Promise<unknown> {
  const answer = await page.request.post(`${address(1)}/jsonrpc`, { data: { jsonrpc: "2.0", id: 1, method, params } });
  const body = (await answer.json()) as { result?: unknown; error?: unknown };
  expect(body.error, method).toBeUndefined();
  return body.result;
}

/** The lab's guest boots from a kernel on the shared storage; its template has to know where. */
export async function prepareTemplate(page: Page): Promise<void> {
  const session = await rpc(page, "session.login_with_password", ["root", PASSWORD, "1.0", "story"]);
  const srs = (await rpc(page, "SR.get_all_records", [session])) as Record<string, { uuid: string; shared: boolean }>;
  const sr = Object.values(srs).find((each) => each.shared);
  const vms = (await rpc(page, "VM.get_all_records", [session])) as Record<string, { name_label: string }>;
  const template = Object.entries(vms).find(([, vm]) => vm.name_label.startsWith("Haven test guest"))?.[0];
  const boot = `/run/sr-mount/${sr?.uuid ?? ""}/boot`;
  await rpc(page, "VM.set_PV_kernel", [session, template, `${boot}/vmlinuz`]);
  await rpc(page, "VM.set_PV_ramdisk", [session, template, `${boot}/initrd`]);
  await rpc(page, "VM.set_PV_args", [session, template, "console=ttyS0 lab.name=web1 lab.ip=10.77.1.1/16"]);
}

/** Number of the host that coordinates, as the others say; 0: nobody right now. */
export async function coordinatorOf(page: Page): Promise<number> {
  const data = { jsonrpc: "2.0", id: 1, method: "session.login_with_password", params: ["root", PASSWORD, "1.0", "story"] };
  for (const host of [1, 2, 3]) {
    try {
      const answer = await page.request.post(`${address(host)}/jsonrpc`, { data, timeout: 3000 });
      const body = (await answer.json()) as { result?: string; error?: { message: string; data?: string[] } };
      if (body.result !== undefined) return host;
      const leads = /10\.77\.0\.(\d)/.exec(body.error?.message === "HOST_IS_SLAVE" ? (body.error.data ?? []).join(" ") : "");
      if (leads !== null) return Number(leads[1]);
    } catch {
      // Cut off: the next one knows.
    }
  }
  return 0;
}

/** Number of the host that a machine's overview names; 0: none right now. */
export async function hostShown(page: Page): Promise<number> {
  const link = page.locator("dd a[href*='/ui/host/']").first();
  const text = (await link.isVisible()) ? await link.textContent() : "";
  return Number(/\d+/.exec(text ?? "")?.[0] ?? 0);
}
