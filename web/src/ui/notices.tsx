// Short news at the edge of the page.
import { Alert, AlertActionCloseButton, AlertGroup } from "@patternfly/react-core";
import { createContext, type ReactNode, use, useCallback, useMemo, useRef, useState } from "react";
import { useT } from "@/i18n";
import { useErrorText } from "./ErrorView";

export interface Notice {
  variant: "success" | "info" | "warning" | "danger";
  title: string;
  body?: ReactNode;
}

export interface Notices {
  show(notice: Notice): void;
  /** An error with its cause and remedy, and what was attempted. */
  showError(error: unknown, attempt?: { action: string; object: string }): void;
}

/** Notices on the page at most; older ones give way. */
const NOTICES_MAX = 5;
/** News that ask for nothing leave by themselves, in milliseconds. */
const STAY_MS = 6000;

const Context = createContext<Notices | null>(null);

export function useNotices(): Notices {
  const found = use(Context);
  if (found === null) throw new Error("used outside of NoticesProvider");
  return found;
}

export function NoticesProvider({ children }: { children: ReactNode }): ReactNode {
  const t = useT();
  const errorText = useErrorText();
  const [notices, setNotices] = useState<Array<Notice & { key: number }>>([]);
  const serial = useRef(0);
  const remove = useCallback((key: number) => setNotices((all) => all.filter((n) => n.key !== key)), []);
  const show = useCallback((notice: Notice) => {
    serial.current += 1;
    const key = serial.current;
    setNotices((all) => [...all, { ...notice, key }].slice(-NOTICES_MAX));
  }, []);
  const value = useMemo<Notices>(
    () => ({
      show,
      showError(error, attempt) {
        const text = errorText(error);
        const title =
          attempt === undefined ? text.what : t("action-failed", { action: t(attempt.action), object: attempt.object });
        const body = (
          <>
            {attempt !== undefined && <p>{text.what}</p>}
            {text.remedy !== "" && <p>{text.remedy}</p>}
            {text.detail !== "" && <p className="hv-detail">{text.detail}</p>}
          </>
        );
        show({ variant: "danger", title, body });
      },
    }),
    [show, errorText, t],
  );
  return (
    <Context value={value}>
      {children}
      <AlertGroup isToast isLiveRegion aria-label={t("notices")}>
        {notices.map(({ key, title, variant, body }) => (
          <Alert
            key={key}
            variant={variant}
            title={title}
            timeout={variant === "danger" || variant === "warning" ? false : STAY_MS}
            onTimeout={() => remove(key)}
            actionClose={<AlertActionCloseButton title={t("close")} onClose={() => remove(key)} />}
          >
            {body}
          </Alert>
        ))}
      </AlertGroup>
    </Context>
  );
}
