// The one loop that asks the pool what changed, and everything that can interrupt it: a new
// coordinator, a network that is away, a laptop that slept, a session that ended.
import type { QueryClient } from "@tanstack/react-query";
import type { ClassName, EventBatch } from "@/generated/xenapi";
import { ApiError, isPassing } from "@/api/errors";
import { onCoordinatorChange } from "@/api/http";
import { callWith } from "@/api/rpc";
import { byWire, DETAILS, FIRST, MACHINES, wireNames } from "./classes";
import { setConnection } from "./connection";
import { takeFirst } from "./early";
import { applyEvents, keepOnly, tableOf } from "./tables";

/** How long the pool may keep one question open, in seconds. */
const POLL_S = 30;
/** An answer that is this late has been lost on the way, in milliseconds. */
const LATE_MS = (POLL_S + 15) * 1000;
/** Pause before asking again when nobody answers, in milliseconds: first, and at most. */
const RETRY_MS = { first: 300, most: 5000 };

export interface EventLoop {
  /** Ends the loop. */
  stop(): void;
  /** Asks again at once, for example after the laptop woke up. */
  nudge(): void;
}

/** Starts to follow the pool into the cache of `client`. */
export function startEventLoop(client: QueryClient): EventLoop {
  const loop = new Loop(client);
  void loop.run();
  return loop;
}

class Loop implements EventLoop {
  private token = "";
  private stopped = false;
  /** Classes that have arrived; what changes in them is asked for. */
  private followed: readonly ClassName[] = [];
  /** Questions that are open. */
  private readonly open = new Set<AbortController>();
  private wake: () => void = () => undefined;
  /** Nobody answered last time: the next question is not kept open, for its answer says that somebody is there. */
  private isAway = false;
  private askedAt = 0;
  /** Counts coordinators: what an earlier one said of generations means nothing to the next. */
  private reign = 0;
  /** Counts how often all was asked for. */
  private round = 0;
  private readonly unsubscribe: Array<() => void> = [];

  constructor(private readonly client: QueryClient) {
    this.unsubscribe.push(onCoordinatorChange(() => this.restart()));
    const woken = (): void => {
      if (document.visibilityState === "visible") this.wakeUp();
    };
    const online = (): void => this.nudge();
    document.addEventListener("visibilitychange", woken);
    window.addEventListener("online", online);
    this.unsubscribe.push(() => {
      document.removeEventListener("visibilitychange", woken);
      window.removeEventListener("online", online);
    });
  }

  stop(): void {
    this.stopped = true;
    for (const end of this.unsubscribe) end();
    this.nudge();
  }

  nudge(): void {
    for (const question of this.open) question.abort();
    this.wake();
  }

  /** The tab is seen again; an answer that should have come while it slept is lost. */
  private wakeUp(): void {
    if (Date.now() - this.askedAt > LATE_MS) this.nudge();
  }

  /** Another host coordinates: its generations are counted anew. */
  private restart(): void {
    this.reign += 1;
    this.token = "";
  }

  async run(): Promise<void> {
    let retry = RETRY_MS.first;
    while (!this.stopped) {
      try {
        await this.step();
        this.isAway = false;
        setConnection({ state: "live" });
        retry = RETRY_MS.first;
      } catch (error) {
        if (this.stopped) return;
        if (isSignedOut(error)) {
          setConnection({ state: "signed-out" });
          await this.pause(Infinity);
        } else if (!(error instanceof DOMException && error.name === "AbortError")) {
          this.fail(error);
          await this.pause(retry);
          retry = Math.min(retry * 2, RETRY_MS.most);
        }
      }
    }
  }

  private fail(error: unknown): void {
    if (!isPassing(error)) this.token = "";
    this.isAway = true;
    setConnection({ state: "away", since: Date.now(), why: String(error) });
  }

  private async step(): Promise<void> {
    const { reign, followed } = this;
    if (this.token === "") {
      await this.begin(reign);
      return;
    }
    const news = await this.ask(followed, this.token, this.isAway ? 0 : POLL_S);
    // Counted from a token of the former coordinator: everything is asked for again.
    if (reign === this.reign) this.take(news, followed);
  }

  /** Asks for everything. Changes are followed from the first lists on: details come meanwhile. */
  private async begin(reign: number): Promise<void> {
    this.round += 1;
    const early = takeFirst();
    const end = early === undefined ? undefined : this.watch(early.question);
    try {
      // Machines are asked for at the same time as what the first screen shows, and drawn after it.
      const machines = early?.machines ?? this.ask(MACHINES, "", 0);
      machines.catch(() => undefined);
      const first = await (early?.first ?? this.ask(FIRST, "", 0));
      this.fill(first, FIRST);
      setConnection({ state: "live" });
      const lists = await machines;
      this.fill(lists, MACHINES);
      if (reign !== this.reign) return;
      // Whatever changed since the first answer comes again with the next one.
      this.token = older(first.token, lists.token);
      this.followed = [...FIRST, ...MACHINES];
    } finally {
      end?.();
    }
    void this.details(this.round);
  }

  /** Asks for what the pages of single objects need, part by part. */
  private async details(round: number): Promise<void> {
    for (const part of DETAILS) {
      await drawn();
      const answer = await this.part(part, round);
      if (answer === undefined) return;
      this.fill(answer, part);
      this.followed = [...this.followed, ...part];
      // The open question knows nothing of this part: what it answers is no news of it.
      this.token = older(this.token, answer.token);
    }
    // The next question is for everything.
    this.nudge();
  }

  /** All objects of some classes, however often it has to be asked; undefined: all begins anew. */
  private async part(classes: readonly ClassName[], round: number): Promise<EventBatch | undefined> {
    for (let retry = RETRY_MS.first; ; retry = Math.min(retry * 2, RETRY_MS.most)) {
      const answer = await this.ask(classes, "", 0).catch((error: unknown) => error);
      if (isSignedOut(answer) || this.stopped || round !== this.round || this.token === "") return undefined;
      if (!(answer instanceof Error)) return answer as EventBatch;
      await new Promise((resolve) => setTimeout(resolve, retry));
    }
  }

  private async ask(classes: readonly ClassName[], token: string, seconds: number): Promise<EventBatch> {
    // One for every question: what listens to its end goes with it.
    const question = new AbortController();
    const end = this.watch(question);
    try {
      return await callWith(question.signal, "event.from", wireNames(classes), token, seconds);
    } finally {
      end();
    }
  }

  /** Gives a question up when its answer is late, or when somebody wants all asked again; until the end that is returned. */
  private watch(question: AbortController): () => void {
    this.open.add(question);
    this.askedAt = Date.now();
    const late = setTimeout(() => question.abort(), LATE_MS);
    return () => {
      clearTimeout(late);
      this.open.delete(question);
    };
  }

  /** A complete answer. */
  private fill(batch: EventBatch, classes: readonly ClassName[]): void {
    const known = byWire(classes);
    applyEvents(this.client, known, batch.events);
    keepOnly(this.client, known, batch.events);
    for (const name of classes) loaded(this.client, name);
  }

  /** What changed. */
  private take(batch: EventBatch, classes: readonly ClassName[]): void {
    applyEvents(this.client, byWire(classes), batch.events);
    // Counted on only where nothing has joined what is followed since the question.
    if (classes !== this.followed) return;
    this.token = this.agrees(batch, classes) ? batch.token : "";
  }

  /** Whether the tables have as many rows as the pool says; if not, all is asked for again. */
  private agrees(batch: EventBatch, classes: readonly ClassName[]): boolean {
    return classes.every((name) => {
      const expected = batch.valid_ref_counts[name.toLowerCase()];
      return expected === undefined || expected === tableOf(this.client, name).byRef.size;
    });
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(ms) ? setTimeout(resolve, ms) : undefined;
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.code === "SESSION_INVALID";
}

/** The older of two tokens. */
function older(a: string, b: string): string {
  return a < b ? a : b;
}

/** After the page has been drawn; a page that nobody sees is not waited for. */
function drawn(): Promise<void> {
  if (document.visibilityState !== "visible") return Promise.resolve();
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/** An empty class is known to be empty, too. */
function loaded(client: QueryClient, name: ClassName): void {
  if (client.getQueryData(["objects", name]) === undefined) {
    client.setQueryData(["objects", name], { byRef: new Map(), version: 1 });
  }
}
