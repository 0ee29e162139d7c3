/** The client: every route of the API, typed by its document, and, by hand, what enqueues and what goes through pages. */

import createClient, { type Client } from "openapi-fetch";
import { Refused } from "./errors.js";
import { DEFAULT_RETRIES, type Failure, type Retries, pause, retryAfter } from "./retry.js";
import type { components, paths } from "./schema.js";

export type Schemas = components["schemas"];
export type NewTask = Schemas["NewTask"];

export interface Options {
  /** Where the server is: `https://posthaste.example.com`. */
  url: string;
  /** An API key, `ph_…`, or a token. */
  key: string;
  retries?: Partial<Retries>;
  /** Milliseconds for one attempt; two minutes unless said. */
  timeout?: number;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
}

type Fetch = (request: Request) => Promise<Response>;

/** What a call of `api` comes to. */
interface Result<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The task with a name of its own, unless it has one: it can then be enqueued again when no answer came, and is one task all the same. */
function keyed(task: NewTask): NewTask {
  return task.idempotency_key ? task : { ...task, idempotency_key: crypto.randomUUID() };
}

/** What a call answered; throws {@link Refused} if the server refused. */
export async function done<T>(call: Promise<Result<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  const known = typeof error === "object" && error !== null && "detail" in error;
  const problem = known
    ? (error as Schemas["Problem"])
    : // The answer of something else on the way.
      { type: "about:blank", title: response.statusText, status: response.status, detail: String(error ?? "").slice(0, 200) };
  throw new Refused(response.status, problem, retryAfter(response.headers, Date.now()));
}

/** A server, and a key of it. */
export class Posthaste {
  /** Every route, typed: `await done(posthaste.api.GET("/v1/queues/{queue}", { params: { path: { queue: "orders" } } }))`. */
  readonly api: Client<paths>;
  /** To be given to a POST of `api` as `fetch`, where doing it twice is the same as doing it once: it is then made again if no answer came. */
  readonly harmless: Fetch;

  constructor(options: Options) {
    const retries = { ...DEFAULT_RETRIES, ...options.retries };
    const make = options.fetch ?? fetch;
    const timeout = options.timeout ?? 120_000;
    const fetcher =
      (harmless: (request: Request) => boolean): Fetch =>
      (request) =>
        repeat(request, harmless(request), retries, timeout, make);
    this.harmless = fetcher(() => true);
    this.api = createClient<paths>({
      baseUrl: options.url.replace(/\/+$/, "").replace(/\/v1$/, ""),
      headers: { authorization: `Bearer ${options.key}` },
      // The API has no redirects: whoever redirects is not the server.
      redirect: "manual",
      fetch: fetcher((request) => request.method !== "POST"),
    });
  }

  /** Enqueues a task. When this returns, it is committed. */
  enqueue(queue: string, task: NewTask): Promise<Schemas["Enqueued"]> {
    return done(this.api.POST("/v1/queues/{queue}/tasks", { params: { path: { queue } }, body: keyed(task), fetch: this.harmless }));
  }

  /** Enqueues many, 10,000 at most. Each has its own result, in their order; one that is refused sinks no other. */
  enqueueBatch(queue: string, tasks: NewTask[]): Promise<Schemas["BatchResult"]> {
    return done(this.api.POST("/v1/queues/{queue}/tasks/batch", { params: { path: { queue } }, body: tasks.map(keyed), fetch: this.harmless }));
  }

  /**
   * The items of all pages of a list.
   *
   * `for await (const task of posthaste.all((page) => posthaste.api.GET("/v1/queues/{queue}/tasks", { params: { path, query: { ...page } } })))`
   */
  async *all<T>(list: (page: { page?: string }) => Promise<Result<{ items: T[]; next_page?: string | null }>>): AsyncGenerator<T> {
    let page: { page?: string } = {};
    for (;;) {
      const { items, next_page } = await done(list(page));
      yield* items;
      if (!next_page) return;
      page = { page: next_page };
    }
  }
}

/** Makes a request, and again as long as the retries say. */
async function repeat(request: Request, harmless: boolean, retries: Retries, timeout: number, make: typeof fetch): Promise<Response> {
  for (let made = 1; ; made += 1) {
    let failure: Failure = "broken";
    let broken: unknown;
    try {
      const response = await make(request.clone(), { signal: AbortSignal.any([request.signal, AbortSignal.timeout(timeout)]) });
      if (response.ok) return response;
      failure = { status: response.status, retryAfter: retryAfter(response.headers, Date.now()) };
      const wait = pause(retries, made, harmless, failure, Math.random());
      if (wait === undefined) return response;
      await response.body?.cancel();
      await sleep(wait);
      continue;
    } catch (error) {
      broken = error;
    }
    // Whoever asked gave up.
    const wait = request.signal.aborted ? undefined : pause(retries, made, harmless, failure, Math.random());
    if (wait === undefined) throw broken;
    await sleep(wait);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
