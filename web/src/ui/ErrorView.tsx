// Errors with what happened, why, and what to do, from the catalogue that the server declares.
import { Alert } from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback } from "react";
import { ApiError, DEMO_CODE, Unreachable } from "@/api/errors";
import { useI18n } from "@/i18n";
import { saidBy } from "@/i18n/language";
import { FOLLOWED } from "@/store/classes";
import { tableOf } from "@/store/tables";

export interface ErrorText {
  /** What happened, one sentence. */
  what: string;
  /** Why, and what to do. */
  remedy: string;
  /** The code and its parameters, for those who look further. */
  detail: string;
}

/** Splits "What happened. What to do." after the first sentence. */
export function splitSentence(text: string): [string, string] {
  const match = /^(.*?[.。!！?？])\s*(.*)$/s.exec(text);
  return match === null ? [text, ""] : [match[1] ?? text, match[2] ?? ""];
}

/** Words errors for people. References become names. */
export function useErrorText(): (error: unknown) => ErrorText {
  const { errors, language, t } = useI18n();
  const client = useQueryClient();
  return useCallback(
    (error) => {
      if (error instanceof Unreachable) {
        return { what: t("error-unreachable"), remedy: t("error-unreachable-remedy"), detail: error.detail };
      }
      if (!(error instanceof ApiError)) {
        const detail = error instanceof Error ? error.message : String(error);
        return { what: t("error-page"), remedy: t("error-page-remedy"), detail };
      }
      if (error.code === DEMO_CODE) return { what: t("demo-refused"), remedy: t("demo-refused-remedy"), detail: "" };
      const nameOf = (param: string): string => {
        if (!param.startsWith("OpaqueRef:")) return param;
        for (const name of FOLLOWED) {
          const row = tableOf(client, name).byRef.get(param) as { name_label?: string } | undefined;
          if (row?.name_label !== undefined && row.name_label !== "") return row.name_label;
        }
        return param;
      };
      const known = errors[error.code];
      const [what, remedy] = known === undefined ? [error.code, ""] : splitSentence(known.text);
      // What the planner says it says in every language, with what to do.
      const said = error.params.map((param) => saidBy(param, language)).find((text) => text !== undefined);
      if (said !== undefined) return { what, remedy: said, detail: error.code };
      const params = error.params.map((param, index) => {
        const label = known?.params[index];
        return label === undefined ? nameOf(param) : `${label}: ${nameOf(param)}`;
      });
      return { what, remedy, detail: [error.code, ...params].join(" · ") };
    },
    [client, errors, language, t],
  );
}

/** An error inside an answer, of one host among several, in one text. */
export function useWireText(): (error: { message: string; data: string[] }) => string {
  const errorText = useErrorText();
  return useCallback(
    ({ message, data }) => {
      const { what, remedy, detail } = errorText(new ApiError(message, data));
      return [what, remedy, detail].filter((text) => text !== "").join(" ");
    },
    [errorText],
  );
}

export function ErrorView({ error, children }: { error: unknown; children?: ReactNode }): ReactNode {
  const text = useErrorText()(error);
  return (
    <Alert isInline variant="danger" title={text.what} className="hv-error">
      {text.remedy !== "" && <p>{text.remedy}</p>}
      {text.detail !== "" && <p className="hv-detail">{text.detail}</p>}
      {children}
    </Alert>
  );
}
