// By which address the pool fetches an image, how far that is, and what became of it.
import { Alert, FormGroup, Progress, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { haven } from "@/actions/cli";
import { useI18n } from "@/i18n";
import { type Item, useObject } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Help } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { cliOf } from "../storage/kinds";
import { fetched, type ImageFetch, isChecksum, nfsPlace, wrongAddress } from "./fetch";
import { LibrarySelect, useLibrary } from "./LibrarySelect";

interface Props {
  fetch: ImageFetch;
  libraries: ReadonlyArray<Item<"SR">>;
  /** Uuid of the library that is meant at first. */
  first?: string | null;
}

export function FetchForm({ fetch: { state, start, cancel }, libraries, first }: Props): ReactNode {
  const { t } = useI18n();
  const [url, setUrl] = useState("");
  const [sha256, setSha256] = useState("");
  const [library, pick] = useLibrary(libraries, first);
  if (library === undefined) return null;
  const isFetching = state.is === "fetching";
  const isFetched = state.is === "done" && state.url === url;
  const wrong = url === "" ? undefined : wrongAddress(url);
  const isWrongSum = sha256 !== "" && !isChecksum(sha256);
  const why = url === "" || isFetched ? "fetch-needs-address" : (wrong ?? (isWrongSum ? "fetch-wrong-sum" : undefined));
  const place = nfsPlace(url);
  return (
    <div className="hv-stack">
      <FormGroup label={t("column-address")} fieldId="fetch-address">
        <TextInput id="fetch-address" type="url" value={url} isDisabled={isFetching} onChange={(_event, value) => setUrl(value.trim())} placeholder="https://" autoComplete="off" spellCheck={false} />
        <Help isWrong={wrong !== undefined}>{t(wrong ?? "fetch-address-help")}</Help>
      </FormGroup>
      {place !== undefined && (
        <p>
          <Link to={`/new/storage?kind=iso&location=${encodeURIComponent(place)}`}>{t("fetch-make-library", { place })}</Link>
        </p>
      )}
      <FormGroup label={t("fetch-sum")} fieldId="fetch-sum">
        <TextInput id="fetch-sum" value={sha256} isDisabled={isFetching} onChange={(_event, value) => setSha256(value.trim())} autoComplete="off" spellCheck={false} />
        <Help isWrong={isWrongSum}>{t(isWrongSum ? "fetch-wrong-sum" : "fetch-sum-help")}</Help>
      </FormGroup>
      <LibrarySelect id="fetch-library" library={library} libraries={libraries} isDisabled={isFetching} onPick={pick} />
      {isFetching && <FetchProgress task={state.task} />}
      {state.is === "failed" && <ErrorView error={state.error} />}
      {state.is === "done" && <Alert isInline variant="success" title={t("image-done", { name: state.name })} />}
      <div className="hv-buttons">
        {isFetching ? (
          <Act variant="secondary" blocked={state.task === undefined ? t("fetch-asking") : undefined} onClick={cancel}>
            {t("fetch-cancel")}
          </Act>
        ) : (
          <Act variant="secondary" blocked={why === undefined ? undefined : t(why)} onClick={() => start({ url, sha256, library })}>
            {t("fetch-do")}
          </Act>
        )}
      </div>
      <CliLines lines={[place !== undefined ? cliOf("create", "iso", place, "LIBRARY") : haven("sr", "fetch", library.name_label, url === "" ? "https://…" : url, ...(sha256 === "" ? [] : ["--sha256", sha256]))]} />
    </div>
  );
}

function FetchProgress({ task: ref }: { task: string | undefined }): ReactNode {
  const { t, bytes } = useI18n();
  const task = useObject("task", ref ?? "");
  const far = fetched(task);
  const share = Math.round((far?.size === undefined ? 0 : far.bytes / Math.max(1, far.size)) * 100);
  const text = far === undefined ? t("fetch-asking") : far.size === undefined ? t("fetch-came", { bytes: bytes(far.bytes) }) : t("fetch-came-of", { bytes: bytes(far.bytes), size: bytes(far.size) });
  return (
    <>
      <Progress title={task?.other_config["haven_image"] ?? t("fetch-asking")} value={share} label={far?.size === undefined ? "" : `${share}%`} />
      <p className="hv-muted">
        {text} {t("fetch-goes-on")}
      </p>
    </>
  );
}
