// Small parts that many screens are made of.
import {
  Card,
  CardBody,
  CardTitle,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  FormHelperText,
  HelperText,
  HelperTextItem,
} from "@patternfly/react-core";
import type { ComponentType, ReactNode } from "react";
import { Link } from "react-router";
import type { Records } from "@/generated/xenapi";
import { useI18n, useT } from "@/i18n";
import { useObject } from "@/store/hooks";
import { pathOf } from "./links";

/** A card with a heading. */
export function Panel({ title, children, className }: { title: ReactNode; children: ReactNode; className?: string }): ReactNode {
  return (
    <Card className={className}>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>{children}</CardBody>
    </Card>
  );
}

/** Names and values. Entries without a value are left out. */
export function Facts({ facts }: { facts: ReadonlyArray<[label: string, value: ReactNode]> }): ReactNode {
  const t = useT();
  return (
    <DescriptionList isHorizontal isCompact>
      {facts
        .filter(([, value]) => value !== undefined && value !== "" && value !== null)
        .map(([label, value]) => (
          <DescriptionListGroup key={label}>
            <DescriptionListTerm>{t(label)}</DescriptionListTerm>
            <DescriptionListDescription>{value}</DescriptionListDescription>
          </DescriptionListGroup>
        ))}
    </DescriptionList>
  );
}

interface NothingProps {
  title: string;
  body?: string;
  icon?: ComponentType;
  children?: ReactNode;
}

/** Where nothing is yet: says what would be here, and how it comes here. */
export function Nothing({ title, body, icon, children }: NothingProps): ReactNode {
  const t = useT();
  return (
    <EmptyState titleText={t(title)} headingLevel="h2" variant="sm" {...(icon === undefined ? {} : { icon })}>
      {body !== undefined && <EmptyStateBody>{t(body)}</EmptyStateBody>}
      {children !== undefined && (
        <EmptyStateFooter>
          <EmptyStateActions>{children}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

/** What stands below a field: how it is filled in, or what is wrong with what was typed. */
export function Help({ isWrong = false, children }: { isWrong?: boolean; children: ReactNode }): ReactNode {
  return (
    <FormHelperText>
      <HelperText>
        <HelperTextItem variant={isWrong ? "error" : "default"}>{children}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}

/** The first row of a table: the names of its columns. */
export function HeadRow({ labels }: { labels: readonly string[] }): ReactNode {
  const { t } = useI18n();
  return (
    <thead>
      <tr>
        {labels.map((label) => (
          <th key={label} scope="col">
            {t(label)}
          </th>
        ))}
      </tr>
    </thead>
  );
}

/** The name of a host by its reference, as a link. */
export function HostLink({ host: ref }: { host: string | undefined }): ReactNode {
  return <HostName host={useObject("host", ref)} />;
}

/** A host's name as a link; lists with many rows know the host themselves. */
export function HostName({ host }: { host: Records["host"] | undefined }): ReactNode {
  return host === undefined ? "–" : <Link to={pathOf("host", host.uuid)}>{host.name_label}</Link>;
}

/** A storage repository's name as a link. */
export function SrLink({ sr: ref }: { sr: string | undefined }): ReactNode {
  const sr = useObject("SR", ref);
  return sr === undefined ? "–" : <Link to={pathOf("sr", sr.uuid)}>{sr.name_label}</Link>;
}

/** How fast storage was when a host tried it: a write of 4 KiB, and throughput; two cells. */
export function SpeedCells({ test }: { test: { write_us?: number | null; mib_per_s?: number | null } | undefined }): ReactNode {
  const { t, number } = useI18n();
  const { write_us: write, mib_per_s: mib } = test ?? {};
  return (
    <>
      <td>{typeof write === "number" ? t("milliseconds", { value: number(write / 1000, 1) }) : "–"}</td>
      <td>{typeof mib === "number" ? t("perf-per-second", { value: `${number(mib)} MiB` }) : "–"}</td>
    </>
  );
}

interface MeterProps {
  label: string;
  /** Parts of the whole, in order; the rest is free. */
  parts: ReadonlyArray<{ share: number; kind: "used" | "reserved"; label: string }>;
}

/** A bar of shares: used, reserved, free. */
export function Meter({ label, parts }: MeterProps): ReactNode {
  const text = parts.map((part) => part.label).join(", ");
  return (
    <div className="hv-meter" role="img" aria-label={`${label}: ${text}`}>
      {parts.map((part) => (
        <span key={part.kind} className={`hv-meter-${part.kind}`} style={{ width: `${Math.max(0, Math.min(1, part.share)) * 100}%` }} title={part.label} />
      ))}
    </div>
  );
}
