// A CD image for the libraries of the pool, and a machine that is installed from it.
import { PageSection, Title } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { useI18n } from "@/i18n";
import { useObject } from "@/store/hooks";
import { Nothing, Panel } from "@/ui/bits";
import { FetchForm } from "./FetchForm";
import { useImageFetch } from "./fetch";
import { UploadForm } from "./UploadForm";
import { useImageUpload, useLibraries } from "./upload";

export default function NewImage(): ReactNode {
  const { t } = useI18n();
  const [search] = useSearchParams();
  const libraries = useLibraries();
  const [made, setMade] = useState("");
  const upload = useImageUpload(setMade);
  const fetch = useImageFetch(setMade);
  const image = useObject("VDI", made);
  return (
    <PageSection isFilled hasBodyWrapper={false} className="hv-stack">
      <Title headingLevel="h1">{t("new-iso")}</Title>
      {libraries.length === 0 ? (
        <Nothing title="image-no-library" body="image-no-library-body">
          <Link to="/new/storage?kind=iso">{t("media-add-library")}</Link>
        </Nothing>
      ) : (
        <>
          <Panel title={t("image-panel")}>
            <UploadForm upload={upload} libraries={libraries} first={search.get("sr")} />
          </Panel>
          <Panel title={t("fetch-panel")}>
            <FetchForm fetch={fetch} libraries={libraries} first={search.get("sr")} />
          </Panel>
          {image !== undefined && (
            <p>
              {image.name_label} · <Link to={`/new/vm?image=${image.uuid}`}>{t("image-machine")}</Link>
            </p>
          )}
        </>
      )}
    </PageSection>
  );
}
