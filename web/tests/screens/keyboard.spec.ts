// The story by the keyboard alone: from the first run to a protected machine that moves. Nothing is
// pressed with a mouse; the page would tell.
import { expect } from "@playwright/test";
import { Hands } from "../hands";
import { FRESH_PORT, ownBrowser as test } from "../mock";
import { photograph, watch } from "../page";

const URL = `http://127.0.0.1:${FRESH_PORT}`;
const PASSWORD = "haven-demo";

test("the story by keyboard alone", async ({ page, request }) => {
  test.setTimeout(180_000);
  const seen = watch(page, () => [URL]);
  const hands = new Hands(page, true);
  await page.addInitScript(() => {
    for (const kind of ["mousedown", "pointerdown", "touchstart"]) {
      window.addEventListener(kind, () => console.error(`${kind}: a mouse was used`), { capture: true });
    }
  });
  const next = page.locator("form button[type=submit]");
  const home = async (): Promise<void> => hands.click(page.locator(".hv-brand"));

  await page.goto(`${URL}/ui/`);
  await hands.fill(page.locator("#code"), "ABCD-EFGH");
  await hands.fill(page.locator("#pool-name"), "干净系统");
  await hands.fill(page.locator("#new-password"), PASSWORD);
  await hands.fill(page.locator("#password-again"), PASSWORD);
  await hands.click(page.locator("form:has(#pool-name) button[type=submit]"));
  await expect(page.getByRole("heading", { level: 1, name: "干净系统" })).toBeVisible();

  await hands.click(page.locator("[data-step=host]"));
  for (const host of [2, 3]) {
    await request.post(`${URL}/ui/mock`, { data: { addHost: host } });
    await expect(page.locator(".hv-arrivals li")).toHaveCount(host);
  }
  await home();
  await hands.click(page.locator("[data-step=storage]"));
  await hands.click(next);
  await hands.fill(page.locator("#location"), "10.88.0.250:/export/vms");
  await hands.click(next);
  await expect(page.locator("tr[data-ok=true]")).toHaveCount(3);
  await hands.click(next);
  await hands.click(next);
  await expect(page).toHaveURL(/\/ui\/sr\//);

  await home();
  await hands.click(page.locator("[data-step=vm]"));
  await hands.click(page.getByRole("radio", { name: /^Windows/ }));
  await hands.click(next);
  await hands.fill(page.locator("#vm-name"), "web1");
  await hands.click(page.locator("[data-step=size]"));
  await hands.fill(page.locator("#vm-memory"), "768");
  await hands.click(page.locator("[data-step=review]"));
  await hands.click(next);
  await expect(page).toHaveURL(/\/ui\/vm\//);
  await expect(page.locator("[data-action='vm.migrate']").first()).toBeVisible();

  await hands.click(page.locator(".pf-v6-c-tabs a[href$='/console']"));
  await hands.click(page.locator("#console-serial"));
  await expect(page.locator(".hv-serial .xterm-rows")).toContainText("LAB READY");
  await hands.enter(page.locator(".hv-serial"));
  await page.keyboard.type("hello\n");
  await expect(page.locator(".hv-serial .xterm-rows")).toContainText("HEARD hello");
  await photograph(page, "console-keyboard");
  await hands.leave();

  await home();
  await hands.click(page.locator("[data-step=protect]"));
  await hands.click(next);
  await expect(page.getByRole("checkbox", { name: /nfs/ })).toBeChecked();
  await hands.click(next);
  await hands.click(page.locator(".hv-wizard .hv-buttons button").first());
  await hands.click(next);
  await hands.click(page.locator("#profile-fast"));
  await hands.click(next);
  await expect(page).toHaveURL(/availability/);
  await expect(page.locator(".hv-protection-protected")).toBeVisible();

  await hands.palette("web1");
  await expect(page).toHaveURL(/\/ui\/vm\//);
  await hands.click(page.locator("[data-action='vm.migrate']").first());
  await hands.click(page.locator(".pf-v6-c-modal-box__footer button").first());
  await expect(page.getByTestId("migrated")).toBeVisible();
  await hands.click(page.locator(".pf-v6-c-modal-box__footer button").first());

  // A menu, what it says of what is not possible, and something that wants the name typed.
  await hands.click(page.locator(".pf-v6-c-tabs a[href$='/settings']"));
  await hands.fill(page.locator("#set-description"), "by keyboard");
  await hands.click(next);
  await expect(page.locator(".pf-v6-c-alert.pf-m-success").first()).toBeVisible();
  process.stdout.write(`figure inputs_by_keyboard ${hands.inputs} inputs\n`);
  expect(seen.errors).toEqual([]);
  expect(seen.foreign).toEqual([]);
});
