// Names that Haven itself gave, in the language of the person; what people named stays as they wrote it.
import type { Texts } from "@/i18n/language";

/** Templates that come with every pool. */
const TEMPLATES: Record<string, string> = {
  "Other install media": "template-other",
  "Haven test guest (direct kernel)": "template-test",
};
/** The network that a port of a host brings along; `init` and `join` name it so. */
const PORT_NETWORK = /^Pool-wide network associated with (\S+)$/;

interface Named {
  name_label: string;
  is_default_template?: boolean;
}

/** What a template or a network is called on the page. */
export function ownName(row: Named, t: Texts["t"]): string {
  const port = PORT_NETWORK.exec(row.name_label)?.[1];
  if (port !== undefined) return t("network-of-port", { port });
  const known = row.is_default_template === true ? TEMPLATES[row.name_label] : undefined;
  return known === undefined ? row.name_label : t(known);
}
