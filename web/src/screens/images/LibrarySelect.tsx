// The library that an image goes into, where there is a choice.
import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";

type Libraries = ReadonlyArray<Item<"SR">>;

/** The library that is picked; `first` is the uuid of the one that is meant at first. */
export function useLibrary(libraries: Libraries, first: string | null | undefined): [Item<"SR"> | undefined, (ref: string) => void] {
  const [picked, setPicked] = useState<string | null>(null);
  return [libraries.find((each) => each.$ref === picked) ?? libraries.find((each) => each.uuid === first) ?? libraries[0], setPicked];
}

export function LibrarySelect({ id, library, libraries, isDisabled, onPick }: { id: string; library: Item<"SR">; libraries: Libraries; isDisabled: boolean; onPick: (ref: string) => void }): ReactNode {
  const { t } = useI18n();
  if (libraries.length <= 1) return null;
  return (
    <FormGroup label={t("image-library")} fieldId={id}>
      <FormSelect id={id} value={library.$ref} isDisabled={isDisabled} onChange={(_event, ref) => onPick(ref)}>
        {libraries.map((each) => (
          <FormSelectOption key={each.$ref} value={each.$ref} label={each.name_label} />
        ))}
      </FormSelect>
    </FormGroup>
  );
}
