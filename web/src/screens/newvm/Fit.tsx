// Whether there is room for what is about to be made, and what the pool can still lose then.
import { Alert } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { haven } from "@/api/haven";
import { useI18n } from "@/i18n";
import { usePool } from "@/store/hooks";
import { Answer } from "@/ui/Retry";
import { policyWord } from "../availability/actions";
import type { Wanted } from "./draft";

export function Fit({ wanted }: { wanted: Wanted }): ReactNode {
  const { t, list } = useI18n();
  const isArmed = usePool()?.ha_enabled === true;
  const change = {
    change: "add" as const,
    memory: wanted.memory,
    vcpus: wanted.vcpus,
    policy: policyWord(wanted.policy),
    ...(wanted.disk > 0 && wanted.sr !== undefined ? { sr: wanted.sr.uuid } : {}),
  };
  const asked = { changes: wanted.names.map(() => change) };
  const fit = useQuery({ queryKey: ["fit", asked], queryFn: ({ signal }) => haven.whatIf(asked, signal), placeholderData: (before) => before, staleTime: 5000 });
  return (
    <Answer query={fit}>
      {({ enough, wanted: promised, before, after, plan }) => {
        const hosts = [...new Set(plan?.groups.flatMap((group) => group.starts.map((each) => each.host)))];
        const left = plan?.behind ?? [];
        const [first] = left;
        if (first !== undefined) {
          return (
            <Alert isInline variant="danger" title={t("fit-no", { count: left.length })}>
              <p>{first.why}</p>
              <p>{t("fit-no-remedy")}</p>
            </Alert>
          );
        }
        const isLess = isArmed && (!enough || after.failures < Math.min(before.failures, promised));
        return (
          <Alert isInline variant={isLess ? "warning" : "success"} title={t("fit-yes", { hosts: list(hosts) })}>
            {isArmed && <p>{t(isLess ? "fit-tolerance-less" : "fit-tolerance-stays", { failures: after.failures, wanted: promised })}</p>}
            {isLess && after.reason != null && <p>{after.reason}</p>}
          </Alert>
        );
      }}
    </Answer>
  );
}
