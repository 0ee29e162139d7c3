// Makes a queue with one endpoint, and enqueues tasks, with the library in sdks/typescript. Prints the id of each, a line each.
//
// Environment:
//   POSTHASTE_URL    where Posthaste listens; http://127.0.0.1:8080 unless set
//   POSTHASTE_KEY    an API key: ph_...
//   RECEIVER_URL     where to deliver: what a receiver printed behind "listening on"
//   WEBHOOK_SECRET   the secret that the receiver has: whsec_...
//   QUEUE            the queue's name; "orders" unless set

import { type NewTask, Posthaste, Refused, done } from "posthaste-client";

function given(name: string): string {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set: see the beginning of this file`);
  process.exit(1);
}

const posthaste = new Posthaste({ url: process.env.POSTHASTE_URL ?? "http://127.0.0.1:8080", key: given("POSTHASTE_KEY") });
const queue = process.env.QUEUE ?? "orders";

async function makeQueue(): Promise<void> {
  try {
    await done(posthaste.api.GET("/v1/queues/{queue}", { params: { path: { queue } } }));
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404) throw error;
    // This is the first run: only then are queue and endpoint made.
    await done(posthaste.api.POST("/v1/queues", { body: { name: queue } }));
    const body = { url: given("RECEIVER_URL"), secret: given("WEBHOOK_SECRET") };
    await done(posthaste.api.POST("/v1/queues/{queue}/endpoints", { params: { path: { queue } }, body }));
  }
}

await makeQueue();
const run = `${Date.now()}-${process.pid}`;
const paid = (order: string): NewTask => ({ type: "order.paid", payload: { order, amount: "12.50", currency: "EUR" } });
// The key makes it safe to ask again when no answer came: the same key is the same task. (Without one, the library makes one up, which holds
// for its own attempts.)
const first = await posthaste.enqueue(queue, { ...paid(run), idempotency_key: `paid-${run}` });
const again = await posthaste.enqueue(queue, { ...paid(run), idempotency_key: `paid-${run}` });
if (again.id !== first.id) throw new Error(`the same idempotency key made a second task: ${again.id}`);
console.log(first.id);
const batch = await posthaste.enqueueBatch(queue, [0, 1, 2, 3, 4].map((at) => paid(`${run}-${at}`)));
for (const item of batch.items) if ("id" in item) console.log(item.id);
