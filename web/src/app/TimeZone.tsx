// In whose time the page says when: this browser's, the pool's, or any.
import { Button, FormGroup, FormSelect, FormSelectOption, FormSelectOptionGroup, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useI18n } from "@/i18n";
import { makeFormat } from "@/i18n/format";
import { OWN_ZONE } from "@/i18n/preferred";
import { useObject, usePool } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { useNow } from "@/ui/useNow";
import { useWork } from "@/ui/useWork";
import { useKept } from "./kept";

/** Of no place. */
const UTC = "UTC";

export default function TimeZone({ close }: { close: () => void }): ReactNode {
  const i18n = useI18n();
  const { t, chosenZone, setTimeZone } = i18n;
  const { isNobody, keep, cliOf } = useKept();
  const pools = useObject("host", usePool()?.master)?.timezone ?? "";
  const [zone, setZone] = useState(chosenZone);
  const { busy, error, run } = useWork(close);
  const all = Intl.supportedValuesOf("timeZone");
  const now = makeFormat(i18n, zone).dateTime(useNow(1000));
  const set = (): void =>
    run(async () => {
      if (!isNobody) await keep({ time_zone: zone });
      setTimeZone(zone);
    });
  const line = cliOf({ time_zone: zone });
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="zone-title">
      <ModalHeader title={t("zone")} labelId="zone-title" description={t(isNobody ? "zone-body-browser" : "zone-body")} />
      <ModalBody>
        <div className="hv-stack">
          <FormGroup label={t("zone")} fieldId="zone">
            <FormSelect id="zone" value={zone} onChange={(_event, value) => setZone(value)}>
              <FormSelectOption value="" label={t("zone-browser", { zone: OWN_ZONE })} />
              {pools !== "" && <FormSelectOption value={pools} label={t("zone-pool", { zone: pools })} />}
              {pools !== UTC && <FormSelectOption value={UTC} label={UTC} />}
              <FormSelectOptionGroup label={t("zone-all")}>
                {all.filter((each) => each !== pools && each !== UTC).map((each) => (
                  <FormSelectOption key={each} value={each} label={each.replaceAll("_", " ")} />
                ))}
              </FormSelectOptionGroup>
            </FormSelect>
          </FormGroup>
          <p role="status">{t("zone-now", { time: now })}</p>
          {line !== "" && <CliLines lines={[line]} />}
        </div>
        {error !== null && <ErrorView error={error} />}
      </ModalBody>
      <ModalFooter>
        <Act blocked={busy ? t("busy") : undefined} isLoading={busy} onClick={set}>
          {t("zone-set")}
        </Act>
        <Button variant="link" onClick={close}>
          {t("cancel")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
