// Light or dark, before the first paint. src/app/theme.ts keeps the same key.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem("haven.theme");
  } catch {
    // Without storage the system decides.
  }
  var dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  if (dark) document.documentElement.classList.add("pf-v6-theme-dark");
})();
