// What is asked before protection pauses, before a drill, and about its settings.
import { Alert, FormGroup, Radio, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import type { DialogProps } from "@/actions/action";
import { haven as cliOf } from "@/actions/cli";
import { haven } from "@/api/haven";
import { useI18n } from "@/i18n";
import { restartable, useHaStatus } from "@/model/ha";
import { type Item, useAll, usePool, useVms } from "@/store/hooks";
import { useNotices } from "@/ui/notices";
import { Frame } from "../vm/DeviceDialogs";

const PAUSES_MIN = [15, 60, 240] as const;
/** Longest reason that the pool takes. */
const REASON_CHARS_MAX = 200;

export function PauseDialog({ close }: DialogProps<"pool">): ReactNode {
  const { t } = useI18n();
  const [minutes, setMinutes] = useState<number>(PAUSES_MIN[0]);
  const [reason, setReason] = useState("");
  const time = minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
  return (
    <Frame
      title={t("protect-pause-title")}
      body={t("protect-pause-confirm")}
      button={t("protect-pause-do")}
      blocked={reason.trim() === "" ? t("protect-pause-needs-reason") : undefined}
      cli={cliOf("ha", "pause", time, "--reason", reason.trim() === "" ? t("protect-pause-reason-example") : reason.trim())}
      work={async () => {
        await haven.pause(minutes * 60, reason.trim());
      }}
      close={close}
    >
      <div role="radiogroup" aria-label={t("protect-pause-long")} className="hv-line">
        {PAUSES_MIN.map((each) => (
          <Radio key={each} id={`pause-${each}`} name="pause" label={t(`protect-pause-${each}`)} isChecked={minutes === each} onChange={() => setMinutes(each)} />
        ))}
      </div>
      <FormGroup label={t("protect-pause-reason")} fieldId="pause-reason" isRequired>
        <TextInput id="pause-reason" value={reason} maxLength={REASON_CHARS_MAX} placeholder={t("protect-pause-reason-example")} onChange={(_event, value) => setReason(value)} autoComplete="off" autoFocus />
      </FormGroup>
    </Frame>
  );
}

export function DrillDialog({ close }: DialogProps<"pool">): ReactNode {
  const { t } = useI18n();
  const status = useHaStatus();
  const hosts = useAll("host");
  const [uuid, setUuid] = useState("");
  const [typed, setTyped] = useState("");
  const { show } = useNotices();
  const host = hosts.find((each) => each.uuid === uuid);
  const others = hosts.filter((each) => each.uuid !== status.data?.coordinator);
  const rehearse = async (): Promise<void> => {
    const { passed, findings = [] } = await haven.drill();
    // What exactly it found stands on the page, for everybody.
    show({ variant: passed === true ? "success" : "warning", title: t(passed === true ? "drill-rehearsal-passed" : "drill-rehearsal-failed", { count: findings.length }) });
  };
  const blocked = host !== undefined && typed.trim() !== host.name_label ? t("confirm-type", { expected: host.name_label }) : undefined;
  return (
    <Frame
      title={t("drill-title")}
      body={t("drill-body")}
      button={t(host === undefined ? "drill-rehearse" : "drill-put-out")}
      blocked={blocked}
      cli={cliOf("ha", "drill", ...(host === undefined ? [] : ["--host", host.name_label]))}
      work={host === undefined ? rehearse : async () => void (await haven.drill(host.uuid))}
      close={close}
    >
      <div role="radiogroup" aria-label={t("drill-kind")} className="hv-stack">
        <Radio id="drill-rehearsal" name="drill" isChecked={host === undefined} onChange={() => setUuid("")} label={t("drill-rehearse")} description={t("drill-rehearse-body")} />
        {others.map((each) => (
          <Radio
            key={each.uuid}
            id={`drill-${each.uuid}`}
            name="drill"
            isChecked={uuid === each.uuid}
            onChange={() => {
              setUuid(each.uuid);
              setTyped("");
            }}
            label={t("drill-host", { host: each.name_label })}
          />
        ))}
      </div>
      {host !== undefined && <Loss host={host} bound={status.data?.limits?.restart_ms ?? 0} />}
      {host !== undefined && (
        <FormGroup label={t("confirm-type", { expected: host.name_label })} fieldId="drill-typed">
          <TextInput id="drill-typed" value={typed} onChange={(_event, value) => setTyped(value)} autoComplete="off" />
        </FormGroup>
      )}
    </Frame>
  );
}

/** What putting this host out does to the machines that run on it now. */
function Loss({ host, bound }: { host: Item<"host">; bound: number }): ReactNode {
  const { t, number } = useI18n();
  const here = useVms().filter((vm) => vm.resident_on === host.$ref && vm.power_state !== "Halted");
  const sure = restartable(here).filter((vm) => vm.ha_restart_priority === "restart").length;
  const bare = here.filter((vm) => vm.ha_restart_priority === "").map((vm) => vm.name_label);
  return (
    <>
      <Alert isInline variant="danger" title={t("drill-loss", { host: host.name_label, count: here.length, sure, seconds: number(bound / 1000) })} />
      {bare.length > 0 && <Alert isInline variant="warning" title={t("drill-bare", { names: bare.join(", ") })} />}
    </>
  );
}

const PROFILES = ["fast", "default", "conservative"] as const;
const RESPONSES = ["fence", "shutdown", "hold"] as const;

export function SettingsDialog({ close }: DialogProps<"pool">): ReactNode {
  const { t } = useI18n();
  const configuration = usePool()?.ha_configuration ?? {};
  const before = { profile: configuration["profile"] ?? "default", isolation_response: configuration["isolation_response"] ?? "fence" };
  const [profile, setProfile] = useState(before.profile);
  const [response, setResponse] = useState(before.isolation_response);
  const changed = {
    ...(profile === before.profile ? {} : { profile }),
    ...(response === before.isolation_response ? {} : { isolation_response: response }),
  };
  const isSame = Object.keys(changed).length === 0;
  return (
    <Frame
      title={t("protect-settings")}
      body={t("protect-settings-body")}
      button={t("protect-settings-do")}
      blocked={isSame ? t("protect-settings-same") : undefined}
      cli={cliOf("ha", "set", ...(changed.profile === undefined && !isSame ? [] : ["--profile", profile]), ...(changed.isolation_response === undefined ? [] : ["--isolation-response", response]))}
      work={async () => {
        await haven.haSet(changed);
      }}
      close={close}
    >
      <fieldset className="hv-stack">
        <legend>{t("profile")}</legend>
        {PROFILES.map((each) => (
          <Radio key={each} id={`set-${each}`} name="set-profile" isChecked={profile === each} onChange={() => setProfile(each)} label={t(`profile-${each}`)} description={t(`profile-${each}-body`)} />
        ))}
      </fieldset>
      <fieldset className="hv-stack">
        <legend>{t("isolation")}</legend>
        {RESPONSES.map((each) => (
          <Radio key={each} id={`isolation-${each}`} name="isolation" isChecked={response === each} onChange={() => setResponse(each)} label={t(`isolation-${each}`)} description={t(`isolation-${each}-body`)} />
        ))}
      </fieldset>
    </Frame>
  );
}
