// A page that broke says so, and the rest of the console goes on.
import { Button, PageSection } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useRouteError } from "react-router";
import { useT } from "@/i18n";
import { ErrorView } from "@/ui/ErrorView";

export function PageFailed(): ReactNode {
  const t = useT();
  return (
    <PageSection>
      <ErrorView error={useRouteError()}>
        <Button variant="link" isInline onClick={() => window.location.reload()}>
          {t("reload")}
        </Button>
      </ErrorView>
    </PageSection>
  );
}
