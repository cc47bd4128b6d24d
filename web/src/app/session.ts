// Whether somebody is signed in, and at what kind of host.
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { setCsrf } from "@/api/http";
import { session, type SessionState } from "@/api/haven";
import { takeSession } from "@/store/early";

const KEY = ["session"];
/** How often a page without an answer asks again, in milliseconds. */
const RETRY_MS = 2000;

async function ask(signal?: AbortSignal): Promise<SessionState> {
  const state = await (takeSession() ?? session.get(signal));
  setCsrf(state.csrf);
  return state;
}

/** The session; asked again until the pool answers. */
export function useSession(): { state: SessionState | undefined; error: unknown } {
  const query = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask(signal),
    staleTime: Infinity,
    refetchInterval: (q) => (q.state.data === undefined ? RETRY_MS : false),
  });
  return { state: query.data, error: query.error };
}

/** Asks before the page is drawn: the answer is there when it is needed. */
export function askEarly(client: QueryClient): void {
  void client.prefetchQuery({ queryKey: KEY, queryFn: ({ signal }) => ask(signal), staleTime: Infinity });
}

export function useSignIn(): (user: string, password: string) => Promise<void> {
  const client = useQueryClient();
  return useCallback(
    async (user, password) => {
      const state = await session.open(user, password);
      setCsrf(state.csrf);
      client.setQueryData(KEY, state);
    },
    [client],
  );
}

/** Asks anew who this page talks to, for example after the host has joined a pool. */
export async function refreshSession(client: QueryClient): Promise<void> {
  client.setQueryData(KEY, await ask());
}

export async function signOut(): Promise<void> {
  await session.close();
  // A fresh page: nothing of the pool stays in memory.
  window.location.assign("/ui/");
}
