// Whether there is room for what is about to be made, and what the pool can still lose then.
import { Alert } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "@/api/errors";
import { haven } from "@/api/haven";
import { useI18n } from "@/i18n";
import { useObject, usePool } from "@/store/hooks";
import { Answer } from "@/ui/Retry";
import { policyWord } from "../availability/actions";
import type { Wanted } from "./draft";

export function Fit({ wanted }: { wanted: Wanted }): ReactNode {
  const { t, list } = useI18n();
  const isArmed = usePool()?.ha_enabled === true;
  // The drive of a host binds the machine to it.
  const library = useObject("SR", wanted.image?.SR);
  const change = {
    change: "add" as const,
    memory: wanted.memory,
    vcpus: wanted.vcpus,
    policy: policyWord(wanted.policy),
    ...(library === undefined ? {} : { cd_sr: library.uuid }),
    ...(wanted.disks.length > 0 && wanted.sr !== undefined ? { sr: wanted.sr.uuid } : {}),
  };
  const asked = { changes: wanted.names.map(() => change) };
  const fit = useQuery({ queryKey: ["fit", asked], queryFn: ({ signal }) => haven.whatIf(asked, signal), staleTime: 5000, retry: false });
  if (fit.error instanceof ApiError && fit.error.code === "OPERATION_NOT_ALLOWED") {
    return (
      <Alert isInline variant="danger" title={t("fit-no", { count: wanted.names.length })}>
        <p>{fit.error.params.join(" ")}</p>
        <p>{t("fit-no-remedy")}</p>
      </Alert>
    );
  }
  return (
    <Answer query={fit}>
      {({ enough, wanted: promised, before, after, placed }) => {
        const hosts = [...new Set(placed.map((each) => each.host))];
        const isLess = isArmed && (!enough || after.failures < Math.min(before.failures, promised));
        return (
          <Alert isInline variant={isLess ? "warning" : "success"} title={t("fit-yes", { hosts: list(hosts) })}>
            {!isArmed && <p>{t("fit-off", { failures: after.failures })}</p>}
            {isArmed && <p>{t(isLess ? "fit-tolerance-less" : "fit-tolerance-stays", { failures: after.failures, wanted: promised })}</p>}
            {isLess && typeof after.reason === "string" && <p>{after.reason}</p>}
          </Alert>
        );
      }}
    </Answer>
  );
}
