// How a person works the page: with a mouse, or by the keyboard alone. Every input is counted.
import { expect, type Locator, type Page } from "@playwright/test";

/** Tabs after which something counts as not to be reached by keyboard. */
const TABS_MAX = 250;
/** Stations of the way that a failure names. */
const TABS_SHOWN = 40;

export class Hands {
  /** Clicks, filled fields, and their like by keyboard. */
  inputs = 0;

  constructor(
    readonly page: Page,
    /** Nothing but keys is used. */
    readonly isKeyboard = false,
  ) {}

  /** The same hands at another page; inputs count together at the end. */
  at(page: Page): Hands {
    return new Hands(page, this.isKeyboard);
  }

  /** Types an address, or opens one that was given. */
  async open(url: string): Promise<void> {
    this.inputs += 1;
    await this.page.goto(url);
  }

  /** Finds something by its name, and goes there. */
  async palette(words: string): Promise<void> {
    this.inputs += 2;
    await this.page.keyboard.press("Control+k");
    await this.page.getByRole("combobox").fill("");
    await this.page.keyboard.type(words);
    await expect(this.page.locator("#palette-list [aria-selected=true]")).toContainText(words);
    await this.page.keyboard.press("Enter");
  }

  /** Puts the focus into something that takes all keys, such as a terminal. */
  async enter(what: Locator): Promise<void> {
    this.inputs += 1;
    if (!this.isKeyboard) {
      await what.click();
      return;
    }
    for (let step = 0; step < TABS_MAX; step += 1) {
      if (await what.evaluate((element) => element.contains(document.activeElement) && element !== document.activeElement)) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`${String(what)} cannot be entered by keyboard`);
  }

  /** Takes the focus out of what takes all keys: Ctrl and Alt together, as the page says. */
  async leave(): Promise<void> {
    if (!this.isKeyboard) return;
    this.inputs += 1;
    await this.page.keyboard.down("Control");
    await this.page.keyboard.down("Alt");
    await this.page.keyboard.up("Alt");
    await this.page.keyboard.up("Control");
    await expect.poll(() => this.page.evaluate(() => document.activeElement?.closest(".hv-console-frame") === null)).toBe(true);
  }

  /** Presses a button, follows a link, chooses an option of a group. */
  async click(what: Locator): Promise<void> {
    this.inputs += 1;
    if (!this.isKeyboard) {
      await what.click();
      return;
    }
    const kind = await this.reach(what);
    // An arrow that reached an option of a group has chosen it already.
    if (kind === "radio" || kind === "checkbox") {
      if (!(await what.isChecked())) await this.page.keyboard.press("Space");
    } else {
      await this.page.keyboard.press("Enter");
    }
  }

  /** Writes into a field what shall stand there. */
  async fill(what: Locator, text: string): Promise<void> {
    this.inputs += 1;
    if (!this.isKeyboard) {
      await what.fill(text);
      return;
    }
    await this.reach(what);
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.type(text);
    await expect(what).toHaveValue(text);
  }

  /** Chooses an option of a list. */
  async select(what: Locator, label: string): Promise<void> {
    this.inputs += 1;
    if (!this.isKeyboard) {
      await what.selectOption({ label });
      return;
    }
    await this.reach(what);
    const options = (await what.locator("option").allTextContents()).map((text) => text.trim());
    const now = await what.evaluate((element) => (element as HTMLSelectElement).selectedIndex);
    const steps = options.indexOf(label) - now;
    for (let step = 0; step < Math.abs(steps); step += 1) await this.page.keyboard.press(steps > 0 ? "ArrowDown" : "ArrowUp");
    await expect(what.locator("option:checked")).toHaveText(label);
  }

  /** Moves the focus by keys until it is there; answers what kind of thing it is. */
  private async reach(what: Locator): Promise<string> {
    await expect(what).toBeVisible();
    await expect(what).toBeEnabled();
    const look = (): Promise<{ isThere: boolean; isInGroup: boolean; kind: string; at: string }> =>
      what.evaluate((element) => {
        const active = document.activeElement;
        const input = element as HTMLInputElement;
        const other = active as HTMLInputElement | null;
        const isInGroup = input.type === "radio" && other?.type === "radio" && other.name === input.name && other !== input;
        return { isThere: element === active, isInGroup, kind: input.type, at: `${active?.tagName ?? ""}.${active?.className ?? ""}` };
      });
    const way: string[] = [];
    for (let step = 0; step < TABS_MAX; step += 1) {
      const { isThere, isInGroup, kind, at } = await look();
      if (isThere) return kind;
      way.push(at);
      await this.page.keyboard.press(isInGroup ? "ArrowDown" : "Tab");
    }
    throw new Error(`${String(what)} cannot be reached by keyboard: ${way.slice(-TABS_SHOWN).join(", ")}`);
  }
}
