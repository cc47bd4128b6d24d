// A form of a machine's settings: what is typed stays until it is saved, whatever happens in the pool meanwhile.
import { Form } from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import { useI18n } from "@/i18n";
import { type Item, useAll } from "@/store/hooks";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { useNotices } from "@/ui/notices";
import { SaveRow } from "@/ui/SaveRow";
import { change, type Changes, cliOfChange } from "./change";

export interface ChangesForm<K extends keyof Changes> {
  /** As it is, with what was typed. */
  shown: Required<Pick<Changes, K>>;
  typed: Changes;
  set: (part: Pick<Changes, K>) => void;
  /** The form around its fields, with its buttons and its line of the command line. */
  frame: (fields: ReactNode, blocked?: string) => ReactNode;
}

export function useChanges<K extends keyof Changes>(vm: Item<"VM">, now: Required<Pick<Changes, K>>): ChangesForm<K> {
  const { t } = useI18n();
  const { show } = useNotices();
  const hosts = useAll("host");
  const [typed, setTyped] = useState<Changes>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const shown = { ...now, ...typed };
  const to = Object.fromEntries(Object.entries(typed).filter(([key, value]) => value !== now[key as K])) as Changes;
  const changed = Object.keys(to).length > 0;
  const submit = async (event: FormEvent, blocked: string | undefined): Promise<void> => {
    event.preventDefault();
    if (!changed || blocked !== undefined || busy) return;
    setBusy(true);
    setError(null);
    try {
      await change(vm.$ref, to);
      setTyped({});
      show({ variant: "success", title: t("settings-saved", { name: to.name ?? vm.name_label }) });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const frame = (fields: ReactNode, blocked?: string): ReactNode => (
    <Form onSubmit={(event) => void submit(event, blocked)} className="hv-settings">
      {fields}
      {error !== null && <ErrorView error={error} />}
      {changed && <CliLines lines={[cliOfChange(vm, to, hosts.find((host) => host.$ref === to.affinity)?.name_label ?? "")]} />}
      <SaveRow blocked={blocked ?? (changed ? undefined : t("settings-unchanged"))} busy={busy} onDiscard={changed ? () => setTyped({}) : undefined} />
    </Form>
  );
  return { shown, typed, set: (part) => setTyped({ ...typed, ...part }), frame };
}
