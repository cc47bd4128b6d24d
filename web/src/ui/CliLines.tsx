// "Copy as CLI": what the same would be on the command line.
import { Button, Tooltip } from "@patternfly/react-core";
import CopyIcon from "@patternfly/react-icons/dist/esm/icons/copy-icon";
import { type ReactNode, useState } from "react";
import { useT } from "@/i18n";

/** Lines that are shown at most; all of them are copied. */
const SHOWN_MAX = 5;

export function CliLines({ lines }: { lines: readonly string[] }): ReactNode {
  const t = useT();
  const [copied, setCopied] = useState(false);
  if (lines.length === 0) return null;
  const copy = (): void => {
    void navigator.clipboard?.writeText(lines.join("\n")).then(() => setCopied(true));
  };
  const hidden = lines.length - SHOWN_MAX;
  return (
    <div className="hv-cli">
      <div className="hv-cli-head">
        <span>{t("as-cli")}</span>
        <Tooltip content={t(copied ? "copied" : "copy")}>
          <Button variant="plain" size="sm" icon={<CopyIcon />} aria-label={t("copy-as-cli", { line: "" })} onClick={copy} />
        </Tooltip>
      </div>
      <pre tabIndex={0} aria-label={t("as-cli")}>
        {lines.slice(0, SHOWN_MAX).join("\n")}
        {hidden > 0 && `\n${t("and-more", { count: hidden })}`}
      </pre>
    </div>
  );
}
