// What can be put into a CD drive: images of libraries, and the drives of hosts with the discs in them.
import { Alert, FormSelectOption, FormSelectOptionGroup } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { type I18n, useI18n } from "@/i18n";
import { hostOfDrive, isHostDrive } from "@/model/storage";
import { type Item, useAll } from "@/store/hooks";

/** What lies in the drive of a host. */
function discText({ sm_config: { tray, disc }, virtual_size: size }: Item<"VDI">, { t, bytes }: I18n): string {
  if (tray !== "disc") return t(tray === "empty" ? "drive-empty" : "drive-silent");
  return disc === undefined || disc === "" ? bytes(size) : `${disc} (${bytes(size)})`;
}

interface OptionsProps {
  images: ReadonlyArray<Item<"VDI">>;
}

/** The options of a choice of images, in groups where hosts have drives. */
export function ImageOptions({ images }: OptionsProps): ReactNode {
  const i18n = useI18n();
  const { t, bytes } = i18n;
  const world = { pbds: useAll("PBD"), hosts: useAll("host") };
  const drives = images.filter((each) => isHostDrive(each));
  const plain = images.filter((each) => !isHostDrive(each)).map((each) => (
    <FormSelectOption key={each.$ref} value={each.$ref} label={`${each.name_label} (${bytes(each.virtual_size)})`} />
  ));
  if (drives.length === 0) return plain;
  return (
    <>
      {plain.length > 0 && <FormSelectOptionGroup label={t("drive-images")}>{plain}</FormSelectOptionGroup>}
      <FormSelectOptionGroup label={t("drive-hosts")}>
        {drives.map((each) => (
          <FormSelectOption
            key={each.$ref}
            value={each.$ref}
            label={t("drive-option", { device: each.sm_config["device"] ?? "", host: hostOfDrive(each, world)?.name_label ?? "", disc: discText(each, i18n) })}
          />
        ))}
      </FormSelectOptionGroup>
    </>
  );
}

/** What a machine cannot do while it has the drive of a host; nothing for an image of a library. */
export function DriveWarning({ image }: { image: Item<"VDI"> | undefined }): ReactNode {
  const { t } = useI18n();
  const world = { pbds: useAll("PBD"), hosts: useAll("host") };
  if (image === undefined || !isHostDrive(image)) return null;
  return <Alert variant="warning" isInline isPlain title={t("drive-binds", { host: hostOfDrive(image, world)?.name_label ?? "" })} />;
}
