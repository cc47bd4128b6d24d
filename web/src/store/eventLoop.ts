// The one loop that asks the pool what changed, and everything that can interrupt it: a new
// coordinator, a network that is away, a laptop that slept, a session that ended.
import type { QueryClient } from "@tanstack/react-query";
import type { ClassName, EventBatch } from "@/generated/xenapi";
import { ApiError, isPassing } from "@/api/errors";
import { onCoordinatorChange } from "@/api/http";
import { callWith } from "@/api/rpc";
import { byWire, DETAILS, FIRST, FOLLOWED, MACHINES, wireNames } from "./classes";
import { setConnection } from "./connection";
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
  /** Questions that are open. */
  private readonly open = new Set<AbortController>();
  private wake: () => void = () => undefined;
  private askedAt = 0;
  /** Counts coordinators: what an earlier one said of generations means nothing to the next. */
  private reign = 0;
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
        setConnection({ state: "live" });
        retry = RETRY_MS.first;
      } catch (error) {
        if (this.stopped) return;
        if (error instanceof ApiError && error.code === "SESSION_INVALID") {
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
    setConnection({ state: "away", since: Date.now(), why: String(error) });
  }

  private async step(): Promise<void> {
    const { reign } = this;
    if (this.token !== "") {
      const news = await this.ask(FOLLOWED, this.token, POLL_S);
      // Counted from a token of the former coordinator: everything is asked for again.
      if (reign === this.reign) this.take(news, FOLLOWED, false);
      return;
    }
    // Machines are asked for at the same time as what the first screen shows, and drawn after it.
    const machines = this.ask(MACHINES, "", 0);
    machines.catch(() => undefined);
    const first = await this.ask(FIRST, "", 0);
    this.take(first, FIRST, true);
    setConnection({ state: "live" });
    this.take(await machines, MACHINES, true);
    for (const part of DETAILS) {
      await drawn();
      this.take(await this.ask(part, "", 0), part, true);
    }
    // Whatever changed since the first answer comes again with the next one.
    if (reign === this.reign) this.token = oldest(first, await machines);
  }

  private async ask(classes: readonly ClassName[], token: string, seconds: number): Promise<EventBatch> {
    // One for every question: what listens to its end goes with it.
    const question = new AbortController();
    this.open.add(question);
    this.askedAt = Date.now();
    const late = setTimeout(() => question.abort(), LATE_MS);
    try {
      return await callWith(question.signal, "event.from", wireNames(classes), token, seconds);
    } finally {
      clearTimeout(late);
      this.open.delete(question);
    }
  }

  private take(batch: EventBatch, classes: readonly ClassName[], complete: boolean): void {
    const known = byWire(classes);
    applyEvents(this.client, known, batch.events);
    if (complete) keepOnly(this.client, known, batch.events);
    else {
      this.token = batch.token;
      if (!this.agrees(batch, classes)) this.token = "";
    }
    for (const name of classes) loaded(this.client, name);
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

/** The token of the older of two answers. */
function oldest(a: EventBatch, b: EventBatch): string {
  return a.token < b.token ? a.token : b.token;
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
