// Wizards fill the page: steps at the left, "Why?" at the right, one button that goes on.
import {
  Button,
  Card,
  CardBody,
  CardTitle,
  PageSection,
  ProgressStep,
  ProgressStepper,
  Title,
} from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { useT } from "@/i18n";
import { Act } from "./Act";
import { CliLines } from "./CliLines";
import { ErrorView } from "./ErrorView";

export interface WizardStep {
  id: string;
  label: string;
  /** Message of the help at the right. */
  why?: string;
  body: ReactNode;
  /** Why one cannot go on yet; a text. */
  blocked?: string | undefined;
}

interface Props {
  /** Message of the title. */
  title: string;
  steps: ReadonlyArray<WizardStep>;
  /** Message of the last button. */
  finish: string;
  /** Does it; what it throws is shown, and nothing typed is lost. */
  onFinish: () => Promise<void>;
  cli?: readonly string[];
  /** Hears which step is shown. */
  onStep?: (id: string) => void;
  /** Where "Cancel" leads; else back. */
  cancelTo?: string;
}

const NO_LINES: readonly string[] = [];

export function WizardPage({ title, steps, finish, onFinish, cli = NO_LINES, onStep, cancelTo }: Props): ReactNode {
  const t = useT();
  const navigate = useNavigate();
  const [at, setAt] = useState(0);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const step = steps[Math.min(at, steps.length - 1)];
  if (step === undefined) return null;
  const isLast = at >= steps.length - 1;
  const go = (index: number): void => {
    setAt(index);
    onStep?.(steps[index]?.id ?? "");
  };
  // What every step before it allows; so one who knows goes straight to the last.
  const isOpen = (index: number): boolean => index < at || (index > at && steps.slice(at, index).every((each) => each.blocked === undefined));
  const next = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (step.blocked !== undefined || busy) return;
    if (!isLast) {
      go(at + 1);
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await onFinish();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <PageSection isFilled className="hv-wizard">
      <Title headingLevel="h1">{t(title)}</Title>
      <form className="hv-wizard-grid" onSubmit={(event) => void next(event)} noValidate>
        <ProgressStepper isVertical aria-label={t("wizard-steps")}>
          {steps.map((entry, index) => (
            <ProgressStep
              key={entry.id}
              id={`step-${entry.id}`}
              titleId={`step-${entry.id}-title`}
              aria-label={t(entry.label)}
              variant={index < at ? "success" : index === at ? "info" : "pending"}
              isCurrent={index === at}
            >
              {isOpen(index) ? (
                <Button variant="link" isInline data-step={entry.id} onClick={() => go(index)}>
                  {t(entry.label)}
                </Button>
              ) : (
                t(entry.label)
              )}
            </ProgressStep>
          ))}
        </ProgressStepper>
        <Card className="hv-wizard-body">
          <CardTitle component="h2">{t(step.label)}</CardTitle>
          <CardBody>
            {step.body}
            {isLast && cli.length > 0 && <CliLines lines={cli} />}
            {error !== null && <ErrorView error={error} />}
          </CardBody>
          <CardBody className="hv-wizard-buttons">
            <Act type="submit" blocked={step.blocked} isLoading={busy}>
              {t(isLast ? finish : "next")}
            </Act>
            {at > 0 && (
              <Act variant="secondary" onClick={() => go(at - 1)} blocked={busy ? t("busy") : undefined}>
                {t("back")}
              </Act>
            )}
            <Button variant="link" onClick={() => void (cancelTo === undefined ? navigate(-1) : navigate(cancelTo))}>
              {t("cancel")}
            </Button>
            {step.blocked !== undefined && <span className="hv-blocked">{step.blocked}</span>}
          </CardBody>
        </Card>
        {step.why !== undefined && (
          <aside className="hv-why" aria-label={t("why")}>
            <Title headingLevel="h3" size="md">
              {t("why")}
            </Title>
            <p>{t(step.why)}</p>
          </aside>
        )}
      </form>
    </PageSection>
  );
}
