// How a guest sees its processors: as many sockets of so many cores. Some systems count sockets.
import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useI18n } from "@/i18n";
import { Help } from "@/ui/bits";
import { coresFor } from "./marks";

interface Props {
  id: string;
  vcpus: number;
  /** Cores of a processor; 0: nothing is said of it. */
  cores: number;
  onChange: (cores: number) => void;
}

export function CoresSelect({ id, vcpus, cores, onChange }: Props): ReactNode {
  const { t } = useI18n();
  return (
    <FormGroup label={t("newvm-topology")} fieldId={id}>
      <FormSelect id={id} value={String(cores)} onChange={(_event, value) => onChange(Number(value))}>
        <FormSelectOption value="0" label={t("topology-own")} />
        {coresFor(vcpus).map((each) => (
          <FormSelectOption key={each} value={String(each)} label={t("topology", { sockets: vcpus / each, cores: each })} />
        ))}
      </FormSelect>
      <Help>{t("topology-help")}</Help>
    </FormGroup>
  );
}
