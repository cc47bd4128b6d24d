// A new network: what it is called, what carries it. Hosts make it before any machine is attached.
import { FormGroup, FormSelect, FormSelectOption, Radio, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { useWorld } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { useAll } from "@/store/hooks";
import { Facts, Help } from "@/ui/bits";
import { NumberField } from "@/ui/NumberField";
import { WizardPage } from "@/ui/WizardPage";
import { cliOf, createNetwork, TAG_MAX, type WantedNetwork } from "./create";

/** Tags that are offered: 10, 20, 30 and so on. */
const TAG_FIRST = 10;
const TAG_STEP = 10;
const MTU = 1500;
const MTU_MIN = 576;
const MTU_MAX = 9216;
const KINDS = ["vlan", "internal"] as const;

/** Ports that every host has, by name: a VLAN of the pool lies on one of them. */
function useDevices(): string[] {
  const hosts = useAll("host");
  const ports = useAll("PIF").filter((pif) => pif.physical && pif.VLAN < 0);
  const names = [...new Set(ports.map((pif) => pif.device))].sort();
  return names.filter((name) => hosts.every((host) => ports.some((pif) => pif.host === host.$ref && pif.device === name)));
}

/** A tag that nobody has yet, as administrators count them. */
function freeTag(taken: ReadonlySet<number>): number {
  for (let tag = TAG_FIRST; tag < TAG_MAX; tag += TAG_STEP) if (!taken.has(tag)) return tag;
  return TAG_FIRST;
}

export default function NewNetwork(): ReactNode {
  const { t, number } = useI18n();
  const navigate = useNavigate();
  const world = useWorld();
  const networks = useAll("network");
  const pifs = useAll("PIF");
  const devices = useDevices();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [asked, setKind] = useState<(typeof KINDS)[number] | null>(null);
  const [device, setDevice] = useState("");
  const [typed, setTag] = useState<number | null>(null);
  const [mtu, setMtu] = useState(MTU);
  const kind = asked ?? (devices.length > 0 ? "vlan" : "internal");
  const on = devices.includes(device) ? device : (devices[0] ?? "");
  const taken = networks.some((each) => each.name_label === name.trim());
  const tags = new Set(pifs.filter((pif) => pif.device === on).map((pif) => pif.VLAN));
  const tag = typed ?? freeTag(tags);
  const isTagTaken = kind === "vlan" && tags.has(tag);
  const port = pifs.find((pif) => pif.physical && pif.VLAN < 0 && pif.device === on)?.uuid ?? "";
  const wanted: WantedNetwork = { name: name.trim(), description: description.trim(), mtu, vlan: kind === "vlan" ? { device: on, port, tag } : undefined };
  const carried = wanted.vlan === undefined ? t("newnet-internal") : t("newnet-vlan-on", { tag: String(tag), device: on });
  return (
    <WizardPage
      title="new-network"
      finish="newnet-create"
      cancelTo="/pool/networks"
      onFinish={async () => void (await navigate(`/network/${await createNetwork(world, wanted)}`))}
      cli={cliOf(wanted)}
      steps={[
        {
          id: "name",
          label: "column-name",
          why: "newnet-why-name",
          blocked: wanted.name === "" ? t("newvm-needs-name") : taken ? t("newnet-taken", { name: wanted.name }) : undefined,
          body: (
            <div className="hv-stack">
              <FormGroup label={t("column-name")} fieldId="net-name" isRequired>
                <TextInput id="net-name" value={name} onChange={(_event, value) => setName(value)} autoComplete="off" autoFocus />
              </FormGroup>
              <FormGroup label={t("column-description")} fieldId="net-description">
                <TextInput id="net-description" value={description} onChange={(_event, value) => setDescription(value)} autoComplete="off" />
              </FormGroup>
            </div>
          ),
        },
        {
          id: "kind",
          label: "newsr-step-kind",
          why: "newnet-why-kind",
          blocked: isTagTaken ? t("newnet-tag-taken", { tag: String(tag), device: on }) : undefined,
          body: (
            <div className="hv-stack">
              <div className="hv-stack" role="radiogroup" aria-label={t("newsr-step-kind")}>
                {KINDS.map((each) => {
                  const why = each === "vlan" && devices.length === 0 ? t("newnet-no-port") : undefined;
                  return <Radio key={each} id={`net-${each}`} name="kind" isChecked={kind === each} isDisabled={why !== undefined} onChange={() => setKind(each)} label={t(`newnet-${each}`)} description={why ?? t(`newnet-${each}-body`)} />;
                })}
              </div>
              {kind === "vlan" && (
                <>
                  <FormGroup label={t("newnet-device")} fieldId="net-device">
                    <FormSelect id="net-device" value={on} onChange={(_event, value) => setDevice(value)}>
                      {devices.map((each) => (
                        <FormSelectOption key={each} value={each} label={each} />
                      ))}
                    </FormSelect>
                    <Help>{t("newnet-device-help")}</Help>
                  </FormGroup>
                  <NumberField id="net-tag" label={t("newnet-tag")} value={tag} min={1} max={TAG_MAX} onChange={(value) => setTag(Math.round(value))} />
                </>
              )}
              <NumberField id="net-mtu" label={t("newnet-mtu")} value={mtu} min={MTU_MIN} max={MTU_MAX} step={100} onChange={(value) => setMtu(Math.round(value))} />
              <p className="hv-muted">{t("newnet-mtu-help")}</p>
            </div>
          ),
        },
        {
          id: "review",
          label: "step-review",
          why: "newnet-why-review",
          body: (
            <Facts
              facts={[
                ["column-name", wanted.name],
                ["column-description", wanted.description],
                ["newsr-step-kind", carried],
                ["column-mtu", number(mtu)],
              ]}
            />
          ),
        },
      ]}
    />
  );
}
