// Answers of the pool that are not objects (a plan, a status): loading, failing, and again.
import { Button, Skeleton } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useT } from "@/i18n";
import { ErrorView } from "./ErrorView";

export function Answer<T>({ query, children }: { query: UseQueryResult<T>; children: (data: T) => ReactNode }): ReactNode {
  const t = useT();
  if (query.data !== undefined) return children(query.data);
  if (query.error !== null) {
    return (
      <ErrorView error={query.error}>
        <Button variant="link" isInline onClick={() => void query.refetch()}>
          {t("try-again")}
        </Button>
      </ErrorView>
    );
  }
  return <Skeleton screenreaderText={t("loading")} height="6rem" />;
}
