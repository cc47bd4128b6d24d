// Renders a part of the console, or all of it, against the mock pool.
import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { vi } from "vitest";
import { App } from "@/app/App";
import { I18nProvider } from "@/i18n";
import { type Language, loadTexts } from "@/i18n/language";
import type { MockSize } from "@/mock/data";
import { mockFetch } from "@/mock/fetch";
import { MOCK_PASSWORD, MockServer } from "@/mock/server";
import { makeQueryClient } from "@/store/tables";

export interface Rendered extends ReturnType<typeof render> {
  server: MockServer;
}

/** The whole console at an address, signed in. */
export async function renderConsole(path = "/", size: MockSize = { hosts: 3, vms: 12 }, language: Language = "en"): Promise<Rendered> {
  const server = new MockServer(size, { task: 40 });
  await server.answer("POST", "/ui/session", { user: "root", password: MOCK_PASSWORD });
  return renderWith(server, path, language);
}

/** The whole console at an address, nobody signed in. */
export async function renderWith(server: MockServer, path = "/", language: Language = "en"): Promise<Rendered> {
  vi.stubGlobal("fetch", mockFetch(server));
  window.history.replaceState(null, "", `/ui${path}`);
  const texts = await loadTexts(language);
  const rendered = render(
    <QueryClientProvider client={makeQueryClient()}>
      <I18nProvider initial={texts}>
        <App />
      </I18nProvider>
    </QueryClientProvider>,
  );
  return { ...rendered, server };
}
