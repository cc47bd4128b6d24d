// Chooses between the first run, signing in, and the console; follows the pool while signed in.
import { Bullseye, Spinner } from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useMemo } from "react";
import { createBrowserRouter, Navigate, Outlet, RouterProvider } from "react-router";
import { ActionRunner } from "@/actions/runner";
import { useT } from "@/i18n";
import { useConnection } from "@/store/connection";
import { startEventLoop } from "@/store/eventLoop";
import { useLoaded } from "@/store/hooks";
import { ErrorView } from "@/ui/ErrorView";
import { NoticesProvider } from "@/ui/notices";
import { areaRoutes } from "./areas";
import { ObjectPage, PoolPage } from "./ObjectPage";
import { PageFailed } from "./PageFailed";
import { useSession } from "./session";
import { Shell } from "./Shell";
import { SignIn, SignInAgain } from "./SignIn";
import { Welcome } from "./Welcome";

function makeRouter(): ReturnType<typeof createBrowserRouter> {
  const pages = [
    { index: true, element: <PoolPage /> },
    { path: "pool", element: <Navigate to="/" replace /> },
    { path: "pool/:tab", element: <PoolPage /> },
    ...(["host", "vm", "sr", "network"] as const).flatMap((kind) => [
      { path: `${kind}/:uuid`, element: <ObjectPage key={kind} kind={kind} /> },
      { path: `${kind}/:uuid/:tab`, element: <ObjectPage key={kind} kind={kind} /> },
    ]),
    ...areaRoutes.map(({ path, component: Page }) => ({ path, element: <Page /> })),
    { path: "*", element: <Navigate to="/" replace /> },
  ].map((route) => ({ ...route, errorElement: <PageFailed /> }));
  const root = { element: <Console />, children: pages, errorElement: <PageFailed /> };
  return createBrowserRouter([root], { basename: "/ui" });
}

export function App(): ReactNode {
  const router = useMemo(() => makeRouter(), []);
  return (
    <NoticesProvider>
      <Gate>
        <RouterProvider router={router} />
      </Gate>
    </NoticesProvider>
  );
}

/** Lets nobody past who is not signed in; the address stays, so that one arrives where one meant to. */
function Gate({ children }: { children: ReactNode }): ReactNode {
  const t = useT();
  const { state, error } = useSession();
  if (state === undefined) {
    return (
      <Bullseye className="hv-full">
        {error === null ? <Spinner aria-label={t("loading")} /> : <ErrorView error={error} />}
      </Bullseye>
    );
  }
  if (state.role === "unconfigured") return <Welcome />;
  return state.signed_in ? children : <SignIn pool={state.pool} host={state.host} />;
}

/** The console proper, while somebody is signed in. */
function Console(): ReactNode {
  const t = useT();
  const client = useQueryClient();
  const { state } = useSession();
  const connection = useConnection();
  const csrf = state?.csrf;
  useEffect(() => {
    const loop = startEventLoop(client);
    return () => loop.stop();
    // A new session begins a new loop; the page and what was typed in it stay.
  }, [client, csrf]);
  const ready = useLoaded("pool");
  if (!ready && connection.state !== "signed-out") {
    return (
      <Bullseye className="hv-full">
        <Spinner aria-label={t("loading")} />
      </Bullseye>
    );
  }
  return (
    <ActionRunner>
      <Shell>
        <Outlet />
      </Shell>
      {connection.state === "signed-out" && <SignInAgain user={state?.user ?? "root"} />}
    </ActionRunner>
  );
}
