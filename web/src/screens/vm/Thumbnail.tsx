// W8: what the guest shows on its screen, as a picture that leads to the console.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { ApiError, isPassing } from "@/api/errors";
import { picture } from "@/api/http";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Panel } from "@/ui/bits";
import { useErrorText } from "@/ui/ErrorView";
import { pathOf } from "@/ui/links";

/** How often the screen is photographed while somebody looks, in milliseconds. */
const ASK_MS = 5000;

/** The bytes of a picture, as an address that holds them: nothing is to be given back later. */
async function asAddress(bytes: Blob): Promise<string> {
  const text = Array.from(new Uint8Array(await bytes.arrayBuffer()), (byte) => String.fromCodePoint(byte));
  return `data:${bytes.type};base64,${btoa(text.join(""))}`;
}

export function Thumbnail({ vm }: { vm: Item<"VM"> }): ReactNode {
  const { t } = useI18n();
  const errorText = useErrorText();
  const runs = vm.power_state === "Running" || vm.power_state === "Paused";
  const asked = useQuery({
    queryKey: ["screen", vm.uuid],
    queryFn: async ({ signal }) => asAddress(await picture(`/ui/vncsnapshot?uuid=${vm.uuid}`, signal)),
    enabled: runs,
    // A page that nobody sees asks for no pictures.
    refetchInterval: ASK_MS,
    refetchIntervalInBackground: false,
    structuralSharing: false,
    gcTime: ASK_MS,
  });
  const address = runs ? asked.data : undefined;
  const why = !runs
    ? t("vm-screen-off")
    : asked.error === null
      ? t("loading")
      : isPassing(asked.error)
        ? t("vm-screen-passing")
        : asked.error instanceof ApiError && asked.error.code === "INTERNAL_ERROR"
          ? t("vm-screen-none")
          : errorText(asked.error).what;
  return (
    <Panel title={t("console-screen")}>
      <Link to={pathOf("vm", vm.uuid, "console")} className="hv-thumbnail" title={t("vm-screen-open")}>
        {address === undefined ? <span>{why}</span> : <img src={address} alt={t("console-screen-of", { name: vm.name_label })} />}
      </Link>
      <Link to={pathOf("vm", vm.uuid, "console")}>{t("vm-screen-open")}</Link>
    </Panel>
  );
}
