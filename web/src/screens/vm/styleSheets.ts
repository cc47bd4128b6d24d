// Styles that a library writes as elements and attributes, as style sheets and properties made by
// script: the page's policy allows nothing else.

function createElement(name: string): HTMLElement {
  const create = Document.prototype.createElement.bind(document);
  return name === "style" ? styleSheet(create("span")) : styledByScript(create(name));
}

/** In place of a style element: even an empty one would be against the policy. */
function styleSheet(element: HTMLElement): HTMLElement {
  element.hidden = true;
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  Object.defineProperty(element, "textContent", { set: (css: string) => { sheet.replaceSync(css); }, get: () => "" });
  const remove = element.remove.bind(element);
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    remove();
  };
  return element;
}

/** An element whose style attribute, once written, becomes properties. */
function styledByScript(element: HTMLElement): HTMLElement {
  const setAttribute = element.setAttribute.bind(element);
  element.setAttribute = (name, value) => {
    if (name === "style") element.style.cssText = value;
    else setAttribute(name, value);
  };
  return element;
}

/** A document whose elements are made so. */
export function styleSheetDocument(): Document {
  return new Proxy(document, {
    get(of, key) {
      if (key === "createElement") return createElement;
      const value: unknown = Reflect.get(of, key, of);
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
}

/** Does `work`, for whose time the page's own document makes elements so. */
export function withStyleSheets(work: () => void): void {
  const own = document as { createElement?: unknown };
  own.createElement = createElement;
  try {
    work();
  } finally {
    // The document's class has the method that was hidden.
    delete own.createElement;
  }
}
