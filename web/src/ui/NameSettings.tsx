// The name, the description and the tags of a host, a storage repository or the pool.
import { Form, FormGroup, TextInput } from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import { xe } from "@/actions/cli";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Help, Panel } from "./bits";
import { CliLines } from "./CliLines";
import { ErrorView } from "./ErrorView";
import { useNotices } from "./notices";
import { SaveRow } from "./SaveRow";

type Named = "host" | "SR" | "pool";

interface Props<C extends Named> {
  of: C;
  object: Item<C>;
}

interface Typed {
  name?: string;
  description?: string;
  tags?: string;
}

function tagsOf(text: string): string[] {
  return [...new Set(text.split(/[,，、]/).map((tag) => tag.trim()).filter((tag) => tag !== ""))];
}

export function NameSettings<C extends Named>({ of, object }: Props<C>): ReactNode {
  const { t } = useI18n();
  const { show } = useNotices();
  const [typed, setTyped] = useState<Typed>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const now = { name: object.name_label, description: object.name_description, tags: object.tags.join(", ") };
  const shown = { ...now, ...typed };
  const changed = (Object.keys(now) as Array<keyof typeof now>).filter((key) => shown[key] !== now[key]);
  const blocked = shown.name.trim() === "" ? t("newvm-needs-name") : changed.length === 0 ? t("settings-unchanged") : undefined;
  const params = Object.fromEntries(changed.map((key) => [{ name: "name-label", description: "name-description", tags: "tags" }[key], shown[key]]));
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (blocked !== undefined || busy) return;
    setBusy(true);
    setError(null);
    try {
      const ref = object.$ref as never;
      if (changed.includes("name")) await call(`${of}.set_name_label`, ref, shown.name.trim());
      if (changed.includes("description")) await call(`${of}.set_name_description`, ref, shown.description);
      if (changed.includes("tags")) await call(`${of}.set_tags`, ref, tagsOf(shown.tags));
      setTyped({});
      show({ variant: "success", title: t("settings-saved", { name: shown.name.trim() }) });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Panel title={t("settings-name")}>
      <Form onSubmit={(event) => void submit(event)}>
        <FormGroup label={t("column-name")} fieldId="own-name" isRequired>
          <TextInput id="own-name" value={shown.name} onChange={(_event, name) => setTyped({ ...typed, name })} autoComplete="off" />
        </FormGroup>
        <FormGroup label={t("column-description")} fieldId="own-description">
          <TextInput id="own-description" value={shown.description} onChange={(_event, description) => setTyped({ ...typed, description })} autoComplete="off" />
        </FormGroup>
        <FormGroup label={t("settings-tags")} fieldId="own-tags">
          <TextInput id="own-tags" value={shown.tags} onChange={(_event, tags) => setTyped({ ...typed, tags })} autoComplete="off" />
          <Help>{t("settings-tags-help")}</Help>
        </FormGroup>
        {error !== null && <ErrorView error={error} />}
        {changed.length > 0 && <CliLines lines={[xe(`${of.toLowerCase()}-param-set`, { uuid: object.uuid, ...params })]} />}
        <SaveRow blocked={blocked} busy={busy} onDiscard={changed.length > 0 ? () => setTyped({}) : undefined} />
      </Form>
    </Panel>
  );
}
