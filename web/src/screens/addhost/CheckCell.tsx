// How one check ended: a mark with its word.
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import TimesCircleIcon from "@patternfly/react-icons/dist/esm/icons/times-circle-icon";
import type { ReactNode } from "react";
import type { HostCheck } from "@/api/haven";
import { useT } from "@/i18n";

export const CHECK_ICONS = { good: CheckCircleIcon, warning: ExclamationTriangleIcon, bad: TimesCircleIcon };

export function CheckCell({ state }: { state: HostCheck["state"] }): ReactNode {
  const t = useT();
  const Icon = CHECK_ICONS[state];
  return (
    <span className={`hv-check-${state}`}>
      <Icon aria-hidden /> {t(`host-check-${state}`)}
    </span>
  );
}
