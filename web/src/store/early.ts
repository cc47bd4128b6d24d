// The first questions of a page, asked before there is anything to show the answers.
import type { EventBatch } from "@/generated/xenapi";
import { session, type SessionState } from "@/api/haven";
import { onCoordinatorChange, setCsrf } from "@/api/http";
import { callWith } from "@/api/rpc";
import { FIRST, MACHINES, wireNames } from "./classes";

/** Answers that are on their way. */
export interface FirstAnswers {
  first: Promise<EventBatch>;
  machines: Promise<EventBatch>;
  /** Gives both up. */
  question: AbortController;
}

let state: Promise<SessionState> | undefined;
let answers: FirstAnswers | undefined;

/** Asks who is signed in, and if somebody is, for the first tables. */
export function askFirst(): void {
  state = session.get();
  state.then(askTables).catch(() => undefined);
}

function askTables(known: SessionState): void {
  if (!known.signed_in) return;
  setCsrf(known.csrf);
  const question = new AbortController();
  const ask = (classes: typeof FIRST): Promise<EventBatch> => {
    const answer = callWith(question.signal, "event.from", wireNames(classes), "", 0);
    answer.catch(() => undefined);
    return answer;
  };
  answers = { first: ask(FIRST), machines: ask(MACHINES), question };
  // Another host coordinates: what the former one answered begins nothing.
  const end = onCoordinatorChange(() => {
    answers = undefined;
    end();
  });
}

/** The session that was asked for early; once. */
export function takeSession(): Promise<SessionState> | undefined {
  const taken = state;
  state = undefined;
  return taken;
}

/** The tables that were asked for early; once. */
export function takeFirst(): FirstAnswers | undefined {
  const taken = answers;
  answers = undefined;
  return taken;
}
