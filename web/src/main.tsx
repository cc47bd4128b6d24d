// Where the page begins: language first, then everything else.
import "@patternfly/react-core/dist/styles/base.css";
import "./app/style.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { askEarly } from "./app/session";
import { I18nProvider, loadPreferred } from "./i18n";
import { makeQueryClient } from "./store/tables";

const element = document.getElementById("root");
if (element !== null) {
  const root = createRoot(element);
  const client = makeQueryClient();
  askEarly(client);
  // Tabs measure their names once; with the real letters these are wider.
  document.fonts.addEventListener("loadingdone", () => window.dispatchEvent(new Event("resize")));
  void loadPreferred().then((texts) => {
    root.render(
      <StrictMode>
        <QueryClientProvider client={client}>
          <I18nProvider initial={texts}>
            <App />
          </I18nProvider>
        </QueryClientProvider>
      </StrictMode>,
    );
  });
}
