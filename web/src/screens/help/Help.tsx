// One runbook, or the list of them. They are written in English; the page says so to readers and screen readers.
import { PageSection, Title } from "@patternfly/react-core";
import { Fragment, type ReactNode } from "react";
import { Link, useParams } from "react-router";
import { useI18n } from "@/i18n";
import { parse, type Block } from "./markdown";
import { RUNBOOKS } from "./runbooks";
import changeAddress from "../../../../docs/runbooks/change-address.md?raw";
import enableHa from "../../../../docs/runbooks/enable-ha.md?raw";
import guestHangs from "../../../../docs/runbooks/guest-hangs.md?raw";
import hostDead from "../../../../docs/runbooks/host-dead.md?raw";
import powerFencing from "../../../../docs/runbooks/power-fencing.md?raw";
import replaceHost from "../../../../docs/runbooks/replace-host.md?raw";
import storageLost from "../../../../docs/runbooks/storage-lost.md?raw";

const TEXTS: Record<(typeof RUNBOOKS)[number], string> = {
  "host-dead": hostDead,
  "storage-lost": storageLost,
  "guest-hangs": guestHangs,
  "power-fencing": powerFencing,
  "enable-ha": enableHa,
  "replace-host": replaceHost,
  "change-address": changeAddress,
};

export default function Help(): ReactNode {
  const { t, language } = useI18n();
  const { runbook } = useParams();
  const found = RUNBOOKS.find((each) => each === runbook);
  return (
    <PageSection isFilled className="hv-stack hv-runbook" hasBodyWrapper={false}>
      <Title headingLevel="h1">{t(found === undefined ? "help-runbooks" : `help-${found}`)}</Title>
      {language !== "en" && <p className="hv-muted">{t("help-in-english")}</p>}
      {found === undefined ? (
        <ul className="hv-list">
          {RUNBOOKS.map((each) => (
            <li key={each}>
              <Link to={`/help/${each}`}>{t(`help-${each}`)}</Link>
            </li>
          ))}
        </ul>
      ) : (
        <>
          <div lang="en">{parse(TEXTS[found]).map((block) => <Part key={"items" in block ? block.items.join() : block.text} block={block} />)}</div>
          <Link to="/help">{t("help-all")}</Link>
        </>
      )}
    </PageSection>
  );
}

function Part({ block }: { block: Block }): ReactNode {
  if (block.kind === "code") return <pre tabIndex={0}>{block.text}</pre>;
  if (block.kind === "heading") return <h2>{<Inline text={block.text} />}</h2>;
  if (block.kind === "text") return <p>{<Inline text={block.text} />}</p>;
  const items = block.items.map((item) => (
    <li key={item}>
      <Inline text={item} />
    </li>
  ));
  return block.kind === "steps" ? <ol>{items}</ol> : <ul>{items}</ul>;
}

/** Bold, code, and links to other runbooks; other links are only their words. */
function Inline({ text }: { text: string }): ReactNode {
  const parts = text.split(/(\*\*[^*]+\*\*|`[^`]+`|\*[^*\s][^*]*\*|\[[^\]]+\]\([^)]+\))/);
  let at = 0;
  return parts.map((part) => {
    // Where it stands: the same word may come twice.
    at += part.length + 1;
    const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part);
    const to = RUNBOOKS.find((each) => link?.[2] === `${each}.md`);
    return (
      <Fragment key={at}>
        {link !== null ? (
          to === undefined ? link[1] : <Link to={`/help/${to}`}>{link[1]}</Link>
        ) : part.startsWith("**") ? (
          <strong>{part.slice(2, -2)}</strong>
        ) : part.startsWith("`") ? (
          <code>{part.slice(1, -1)}</code>
        ) : part.startsWith("*") && part.endsWith("*") && part.length > 2 ? (
          <em>{part.slice(1, -1)}</em>
        ) : (
          part
        )}
      </Fragment>
    );
  });
}
