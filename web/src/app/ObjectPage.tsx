// The page of one object: what it is, how it is, what can be done with it, and its tabs.
import {
  Breadcrumb,
  BreadcrumbItem,
  Flex,
  PageSection,
  Skeleton,
  Tab as PfTab,
  Tabs,
  TabTitleText,
  Title,
} from "@patternfly/react-core";
import { memo, type ReactNode, Suspense, useEffect } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { ActionMenu } from "@/actions/ActionMenu";
import { useI18n } from "@/i18n";
import { type Item, useByUuid, useLoaded, useObject, usePool } from "@/store/hooks";
import { Nothing } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { HostPill, PowerPill, Shield } from "@/ui/status";
import { ownName } from "@/ui/names";
import { areaTabs, PAGE_CLASS, type PageClass, type PageKind } from "./areas";

export function PoolPage(): ReactNode {
  const { tab } = useParams();
  const pool = usePool();
  return pool === undefined ? <Loading /> : <Page kind="pool" object={pool} tab={tab} />;
}

export function ObjectPage({ kind }: { kind: Exclude<PageKind, "pool"> }): ReactNode {
  const { uuid, tab } = useParams();
  const object = useByUuid(PAGE_CLASS[kind], uuid);
  const loaded = useLoaded(PAGE_CLASS[kind]);
  if (object !== undefined) return <Page key={uuid} kind={kind} object={object} tab={tab} />;
  if (!loaded) return <Loading />;
  return (
    <PageSection isFilled>
      <Nothing title="object-gone" body="object-gone-body">
        <GoHome />
      </Nothing>
    </PageSection>
  );
}

function GoHome(): ReactNode {
  const { t } = useI18n();
  return <Link to="/">{t("to-the-pool")}</Link>;
}

function Loading(): ReactNode {
  const { t } = useI18n();
  return (
    <PageSection isFilled>
      <Skeleton screenreaderText={t("loading")} height="10rem" />
    </PageSection>
  );
}

interface PageProps<K extends PageKind> {
  kind: K;
  object: Item<PageClass<K>>;
  tab: string | undefined;
}

function Page<K extends PageKind>({ kind, object, tab }: PageProps<K>): ReactNode {
  const { t } = useI18n();
  const pool = usePool();
  const tabs = areaTabs(kind);
  const current = tabs.find((each) => each.id === tab) ?? tabs[0];
  const Body = current?.component;
  const title = object.name_label === "" ? t(`kind-${kind}`) : ownName(object, t);
  useEffect(() => {
    document.title = `${title} · ${t("product")}`;
  }, [title, t]);
  return (
    <>
      <PageSection className="hv-object-head" hasBodyWrapper={false}>
        <Breadcrumb aria-label={t("breadcrumb")}>
          {kind !== "pool" && (
            <BreadcrumbItem render={({ className }) => <Link className={className} to="/">{pool?.name_label ?? ""}</Link>} />
          )}
          <BreadcrumbItem isActive>{t(`kind-${kind}`)}</BreadcrumbItem>
        </Breadcrumb>
        <Flex alignItems={{ default: "alignItemsCenter" }} gap={{ default: "gapMd" }}>
          <Title headingLevel="h1">{title}</Title>
          <Status kind={kind} object={object} />
          <span className="hv-grow" />
          <ActionMenu of={PAGE_CLASS[kind] as PageClass<K>} targets={[object]} />
        </Flex>
        <ObjectTabs kind={kind} uuid={object.uuid} current={current?.id ?? ""} />
      </PageSection>
      <PageSection isFilled id="tab-body" className="hv-object-body" hasBodyWrapper={false}>
        <Suspense fallback={<Skeleton screenreaderText={t("loading")} height="10rem" />}>
          {Body !== undefined && <Body object={object as never} />}
        </Suspense>
      </PageSection>
    </>
  );
}

interface TabsProps {
  kind: PageKind;
  uuid: string;
  current: string;
}

/** Apart from the object, which changes often: tabs measure themselves whenever they are drawn. */
const ObjectTabs = memo(function ObjectTabs({ kind, uuid, current }: TabsProps): ReactNode {
  const { t } = useI18n();
  const navigate = useNavigate();
  return (
    <Tabs activeKey={current} aria-label={t("tabs")} component="nav">
      {areaTabs(kind).map((each) => (
        <PfTab
          key={each.id}
          eventKey={each.id}
          tabContentId="tab-body"
          href={`/ui${pathOf(kind, uuid, each.id)}`}
          title={<TabTitleText>{t(each.label)}</TabTitleText>}
          onClick={(event) => {
            // With Ctrl and the like it is a link as any other, for a new window.
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            void navigate(pathOf(kind, uuid, each.id));
          }}
        />
      ))}
    </Tabs>
  );
});

function Status({ kind, object }: { kind: PageKind; object: Item<PageClass<PageKind>> }): ReactNode {
  const vm = useObject("VM", kind === "vm" ? object.$ref : undefined);
  const host = useObject("host", kind === "host" ? object.$ref : undefined);
  if (vm !== undefined) {
    return (
      <>
        <PowerPill state={vm.power_state} />
        <Shield vm={vm} />
      </>
    );
  }
  return host === undefined ? null : <HostPill host={host} />;
}
