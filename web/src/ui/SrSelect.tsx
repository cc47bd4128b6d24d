// A choice of storage for disks: who reaches it, and how much room it has.
import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useI18n } from "@/i18n";
import { roomOf } from "@/model/storage";
import type { Item } from "@/store/hooks";

interface Props {
  id: string;
  srs: ReadonlyArray<Item<"SR">>;
  sr: Item<"SR"> | undefined;
  onChange: (ref: string) => void;
}

export function SrSelect({ id, srs, sr, onChange }: Props): ReactNode {
  const { t, bytes } = useI18n();
  return (
    <>
      <FormGroup label={t("tab-storage")} fieldId={id}>
        <FormSelect id={id} value={sr?.$ref ?? ""} onChange={(_event, ref) => onChange(ref)}>
          {srs.map((each) => (
            <FormSelectOption key={each.$ref} value={each.$ref} label={`${each.name_label} (${t(each.shared ? "shared-yes" : "shared-no")}, ${t("memory-free", { size: bytes(roomOf(each)) })})`} />
          ))}
        </FormSelect>
      </FormGroup>
      {sr !== undefined && !sr.shared && <p className="hv-bad-text">{t("newvm-local-storage")}</p>}
    </>
  );
}
