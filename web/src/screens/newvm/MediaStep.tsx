// What the machine boots from at first: its disk as the template has it, a CD image, the network, or
// a cloud image that is told who may sign in.
import { Checkbox, FormGroup, FormSelect, Radio, TextArea, TextInput } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useI18n } from "@/i18n";
import { Help } from "@/ui/bits";
import { type Draft, isDirectKernel, SOURCES, type Stock, type Wanted } from "./draft";
import { type FirstBoot, wrongField } from "./firstBoot";
import { FetchForm } from "../images/FetchForm";
import type { ImageFetch } from "../images/fetch";
import { UploadForm } from "../images/UploadForm";
import { type ImageUpload, useLibraries } from "../images/upload";
import { DriveWarning, ImageOptions } from "../vm/ImageOptions";

interface Props {
  draft: Draft;
  wanted: Wanted;
  stock: Stock;
  edit: (change: Partial<Draft>) => void;
  /** An image that is brought along. */
  upload: ImageUpload;
  /** One that the pool fetches. */
  fetch: ImageFetch;
}

export function MediaStep({ draft, wanted, stock, edit, upload, fetch }: Props): ReactNode {
  const { t } = useI18n();
  const libraries = useLibraries();
  const isDirect = isDirectKernel(wanted.template);
  return (
    <div className="hv-stack">
      <div className="hv-stack" role="radiogroup" aria-label={t("newvm-step-media")}>
        {SOURCES.map((each) => {
          const why = each !== "disk" && isDirect ? t("media-direct-kernel") : each === "iso" && stock.images.length === 0 && libraries.length === 0 ? t("media-no-images") : undefined;
          return (
            <Radio
              key={each}
              id={`source-${each}`}
              name="source"
              isChecked={wanted.source === each}
              isDisabled={why !== undefined}
              onChange={() => edit({ source: each })}
              label={t(`media-${each}`)}
              description={why ?? t(`media-${each}-body`)}
            />
          );
        })}
      </div>
      {stock.images.length === 0 && libraries.length === 0 && !isDirect && (
        <p>
          <Link to="/new/storage?kind=iso">{t("media-add-library")}</Link>
        </p>
      )}
      {wanted.source === "iso" && stock.images.length > 0 && (
        <FormGroup label={t("media-image")} fieldId="vm-image">
          <FormSelect id="vm-image" value={wanted.image?.$ref ?? ""} onChange={(_event, value) => edit({ image: value })}>
            <ImageOptions images={stock.images} />
          </FormSelect>
          <DriveWarning image={wanted.image} />
        </FormGroup>
      )}
      {wanted.source === "iso" && libraries.length > 0 && (
        <fieldset className="hv-stack">
          <legend>{t("media-upload")}</legend>
          <UploadForm upload={upload} libraries={libraries} />
        </fieldset>
      )}
      {wanted.source === "iso" && libraries.length > 0 && (
        <fieldset className="hv-stack">
          <legend>{t("media-fetch")}</legend>
          <FetchForm fetch={fetch} libraries={libraries} />
        </fieldset>
      )}
      {wanted.source === "cloud" && <CloudForm first={draft.firstBoot} isOne={wanted.names.length === 1} edit={(change) => edit({ firstBoot: { ...draft.firstBoot, ...change } })} />}
    </div>
  );
}

function CloudForm({ first, isOne, edit }: { first: FirstBoot; isOne: boolean; edit: (change: Partial<FirstBoot>) => void }): ReactNode {
  const { t } = useI18n();
  const wrong = wrongField(first);
  /** Says what is wrong only of what was typed. */
  const help = (field: "user" | "keys" | "hash" | "hostname" | "userData", text: string): ReactNode => {
    const isWrong = wrong?.field === field && first[field] !== "";
    return (
      <Help isWrong={isWrong}>{t(isWrong ? wrong.text : text)}</Help>
    );
  };
  return (
    <fieldset className="hv-stack">
      <legend>{t("cloud-legend")}</legend>
      <Checkbox id="cloud-own" label={t("cloud-own")} isChecked={first.isOwn} onChange={(_event, isOwn) => edit({ isOwn })} />
      {first.isOwn ? (
        <FormGroup label={t("cloud-user-data")} fieldId="cloud-user-data" isRequired>
          <TextArea id="cloud-user-data" rows={8} value={first.userData} onChange={(_event, userData) => edit({ userData })} placeholder={"#cloud-config\npackages: [nginx]"} spellCheck={false} />
          {help("userData", "cloud-user-data-help")}
        </FormGroup>
      ) : (
        <>
          <FormGroup label={t("cloud-user")} fieldId="cloud-user">
            <TextInput id="cloud-user" value={first.user} onChange={(_event, user) => edit({ user: user.trim() })} autoComplete="off" spellCheck={false} />
            {help("user", "cloud-user-help")}
          </FormGroup>
          <FormGroup label={t("cloud-keys")} fieldId="cloud-keys">
            <TextArea id="cloud-keys" rows={3} value={first.keys} onChange={(_event, keys) => edit({ keys })} placeholder="ssh-ed25519 AAAA… ana" spellCheck={false} />
            {help("keys", "cloud-keys-help")}
          </FormGroup>
          <FormGroup label={t("cloud-hash")} fieldId="cloud-hash">
            <TextInput id="cloud-hash" value={first.hash} onChange={(_event, hash) => edit({ hash: hash.trim() })} autoComplete="off" spellCheck={false} />
            {help("hash", "cloud-hash-help")}
          </FormGroup>
        </>
      )}
      {isOne && (
        <FormGroup label={t("cloud-hostname")} fieldId="cloud-hostname">
          <TextInput id="cloud-hostname" value={first.hostname} onChange={(_event, hostname) => edit({ hostname: hostname.trim() })} autoComplete="off" spellCheck={false} />
          {help("hostname", "cloud-hostname-help")}
        </FormGroup>
      )}
      <FormGroup label={t("cloud-network")} fieldId="cloud-network">
        <TextArea id="cloud-network" rows={2} value={first.network} onChange={(_event, network) => edit({ network })} spellCheck={false} />
        <Help>{t("cloud-network-help")}</Help>
      </FormGroup>
    </fieldset>
  );
}
