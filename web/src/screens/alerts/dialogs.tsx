// What is asked before alerts are cleared or taken on.
import { FormGroup, TextInput } from "@patternfly/react-core";
import { type ReactNode, useMemo, useState } from "react";
import type { DialogProps } from "@/actions/action";
import { haven } from "@/actions/cli";
import { haven as routes } from "@/api/haven";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Frame } from "../vm/DeviceDialogs";
import { useAlertText } from "./AlertLine";

/** Kinds of alerts that a question names; the others it counts. */
const NAMED_MAX = 8;
/** Longest note that the pool takes. */
const NOTE_CHARS_MAX = 200;

/** What is about to be cleared: each thing that is said, and how often. */
function Kinds({ alerts }: { alerts: ReadonlyArray<Item<"message">> }): ReactNode {
  const { t } = useI18n();
  const words = useAlertText();
  const kinds = useMemo(() => {
    const counts = new Map<string, number>();
    for (const alert of alerts) {
      const { title } = words(alert);
      counts.set(title, (counts.get(title) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1]);
  }, [alerts, words]);
  return (
    <ul className="hv-list">
      {kinds.slice(0, NAMED_MAX).map(([title, count]) => (
        <li key={title}>
          {title} {count > 1 && <span className="hv-muted">{t("alerts-times", { count })}</span>}
        </li>
      ))}
      {kinds.length > NAMED_MAX && <li className="hv-muted">{t("and-more", { count: kinds.length - NAMED_MAX })}</li>}
    </ul>
  );
}

export function ClearDialog({ targets, close }: DialogProps<"message">): ReactNode {
  const { t } = useI18n();
  return (
    <Frame
      title={t("alerts-clear-title", { count: targets.length })}
      body={t("alerts-clear-body")}
      button={t("alert-clear")}
      cli={targets.map((alert) => haven("alert", "dismiss", alert.uuid)).join("\n")}
      work={async () => {
        await call("message.destroy_many", targets.map((alert) => alert.$ref));
      }}
      close={close}
    >
      <Kinds alerts={targets} />
    </Frame>
  );
}

export function TakeDialog({ targets, close }: DialogProps<"message">): ReactNode {
  const { t } = useI18n();
  const [note, setNote] = useState("");
  return (
    <Frame
      title={t("alerts-take-title", { count: targets.length })}
      body={t("alerts-take-body")}
      button={t("alert-take")}
      cli={targets.map((alert) => haven("alert", "acknowledge", alert.uuid, ...(note.trim() === "" ? [] : ["--note", note.trim()]))).join("\n")}
      work={async () => {
        await routes.acknowledge({ alerts: targets.map((alert) => alert.uuid), note: note.trim() });
      }}
      close={close}
    >
      <Kinds alerts={targets} />
      <FormGroup label={t("alert-note")} fieldId="alert-note">
        <TextInput id="alert-note" value={note} maxLength={NOTE_CHARS_MAX} onChange={(_event, value) => setNote(value)} autoComplete="off" autoFocus />
      </FormGroup>
    </Frame>
  );
}
