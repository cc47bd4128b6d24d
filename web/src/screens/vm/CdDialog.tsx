// What is in the CD drive of a machine: an image of a library, the drive of a host, or nothing.
import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import type { DialogProps } from "@/actions/action";
import { haven, xe } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { isRef } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { isHostDrive, isLibrary } from "@/model/storage";
import { type Item, useAll } from "@/store/hooks";
import { Frame } from "./DeviceDialogs";
import { driveOf, putDisc } from "./drive";
import { DriveWarning, ImageOptions } from "./ImageOptions";

/** Images of all libraries, by name; behind them the drives of hosts. */
export function useImages(): Array<Item<"VDI">> {
  const libraries = new Set(useAll("SR").filter((sr) => isLibrary(sr)).map((sr) => sr.$ref));
  const images = useAll("VDI").filter((vdi) => libraries.has(vdi.SR) && !vdi.missing);
  return images.sort((a, b) => Number(isHostDrive(a)) - Number(isHostDrive(b)) || a.name_label.localeCompare(b.name_label));
}

export function CdDialog({ targets: [vm], close }: DialogProps<"VM">): ReactNode {
  const { t } = useI18n();
  const world = useWorld();
  const images = useImages();
  const drive = vm === undefined ? undefined : driveOf(vm, world);
  const now = drive !== undefined && isRef(drive.VDI) ? drive.VDI : "";
  const [picked, setPicked] = useState<string | null>(null);
  if (vm === undefined) return null;
  const image = picked ?? now;
  const chosen = images.find((each) => each.$ref === image);
  const isDrive = chosen !== undefined && isHostDrive(chosen);
  const name = chosen?.name_label ?? "IMAGE";
  return (
    <Frame
      title={t("cd-title", { name: vm.name_label })}
      body={t(drive === undefined ? "cd-body-new" : "cd-body")}
      button={t(image === "" ? "cd-eject" : "cd-insert")}
      blocked={image === now ? t(now === "" ? "cd-needs-image" : "cd-is-there") : undefined}
      cli={isDrive ? haven("vm", "cd", "insert", vm.name_label, name) : image === "" ? xe("vm-cd-eject", { vm: vm.name_label }) : xe(drive === undefined ? "vm-cd-add" : "vm-cd-insert", { vm: vm.name_label, "cd-name": name, ...(drive === undefined ? { device: "autodetect" } : {}) })}
      work={() => putDisc(world, vm, image)}
      close={close}
    >
      <FormGroup label={t("media-image")} fieldId="cd-image">
        <FormSelect id="cd-image" value={image} onChange={(_event, value) => setPicked(value)} autoFocus>
          <FormSelectOption value="" label={t("vm-empty-drive")} />
          <ImageOptions images={images} />
        </FormSelect>
        {image !== now && <DriveWarning image={chosen} />}
      </FormGroup>
      {images.length === 0 && (
        <p>
          {t("media-no-images")} <Link to="/new/storage?kind=iso" onClick={close}>{t("media-add-library")}</Link>
        </p>
      )}
    </Frame>
  );
}
