// How a person likes the console. The pool keeps it under the user's name, in `gui_config` as other clients keep
// theirs, so that it is the same at every browser; the server lets each user change their own alone.
import { useCallback, useEffect, useMemo } from "react";
import { quote } from "@/actions/cli";
import { haven, type Likes } from "@/api/haven";
import { isDemo } from "@/api/http";
import { useI18n } from "@/i18n";
import { languageOfTag } from "@/i18n/language";
import { usePool } from "@/store/hooks";
import { useSession } from "./session";

/** Changes; null takes one away. */
export type LikesChange = { [Key in keyof Likes]?: string | null };

export interface Kept {
  likes: Likes;
  /** Nobody is signed in: what is chosen now stays in this browser. */
  isNobody: boolean;
  keep(changes: LikesChange): Promise<void>;
  /** The line of the command line that does the same; empty for nobody. */
  cliOf(changes: LikesChange): string;
}

const NONE: Likes = {};

function read(text: string | undefined): Likes {
  if (text === undefined) return NONE;
  try {
    const found = JSON.parse(text) as unknown;
    return typeof found === "object" && found !== null ? (found as Likes) : NONE;
  } catch {
    // Another program wrote it.
    return NONE;
  }
}

export function useKept(): Kept {
  const pool = usePool();
  const user = useSession().state?.user ?? "";
  const key = `haven_user/${user}`;
  // A pool of an earlier version may say nothing of it: the frame of every page asks here.
  const text = user === "" ? undefined : (pool?.gui_config as Record<string, string> | undefined)?.[key];
  const likes = useMemo(() => read(text), [text]);
  const isNobody = user === "" || pool === undefined || isDemo();
  const keep = useCallback(async (changes: LikesChange) => void (await haven.prefer(changes)), []);
  const cliOf = (changes: LikesChange): string => {
    if (isNobody) return "";
    const after = Object.fromEntries(Object.entries({ ...likes, ...changes }).filter(([, value]) => value !== null));
    return `xe pool-param-set uuid=${pool.uuid} ${quote(`gui-config:${key}=${JSON.stringify(after)}`)}`;
  };
  return { likes, isNobody, keep, cliOf };
}

/** Takes over what the person chose at another browser. */
export function useFollowLikes(): void {
  const { likes } = useKept();
  const { language, setLanguage, chosenZone, setTimeZone } = useI18n();
  const [wanted, zone] = [languageOfTag(likes.language ?? ""), likes.time_zone];
  // Only when the pool says something new: what was just chosen here is on its way there.
  useEffect(() => {
    if (wanted !== undefined && wanted !== language) setLanguage(wanted);
    if (zone !== undefined && zone !== chosenZone) setTimeZone(zone);
    // eslint-disable-next-line react/exhaustive-deps
  }, [wanted, zone]);
}
