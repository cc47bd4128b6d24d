// What jsdom lacks.
import { configure } from "@testing-library/react";
import { vi } from "vitest";

// A machine that builds something else meanwhile is slow; what never comes fails all the same.
configure({ asyncUtilTimeout: 30_000 });

class NoResize {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
vi.stubGlobal("ResizeObserver", NoResize);
window.matchMedia ??= ((query: string) => ({ matches: false, media: query, addEventListener() {}, removeEventListener() {} })) as never;
Element.prototype.scrollIntoView ??= () => undefined;
Element.prototype.scrollTo ??= (() => undefined) as never;
// Virtual lists ask how large they are; jsdom lays nothing out.
for (const [name, value] of [["offsetHeight", 800], ["clientHeight", 800], ["offsetWidth", 1200], ["clientWidth", 1200]] as const) {
  Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value });
}
