// Against a running server: POSTHASTE_URL and POSTHASTE_KEY. What it delivers comes back here and is verified.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { NotVerified, Posthaste, Refused, done, verify } from "../dist/index.js";

const { POSTHASTE_URL: url, POSTHASTE_KEY: key } = process.env;
assert.ok(url && key, "POSTHASTE_URL and POSTHASTE_KEY name a server and a key of it");
const posthaste = new Posthaste({ url, key });
const path = { queue: `typescript-${Date.now()}` };
const arrived = new Map();
let secret = "";
let receiver;

before(async () => {
  await done(posthaste.api.POST("/v1/queues", { body: { name: path.queue } }));
  receiver = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    try {
      const delivery = verify(secret, body, request.headers);
      assert.throws(() => verify(secret, Buffer.concat([body, Buffer.from(" ")]), request.headers), NotVerified);
      arrived.set(delivery.id, delivery);
      response.writeHead(204).end();
    } catch {
      response.writeHead(401).end();
    }
  });
  await new Promise((ready) => receiver.listen(0, "127.0.0.1", ready));
  const body = { url: `http://127.0.0.1:${receiver.address().port}/` };
  const endpoint = await done(posthaste.api.POST("/v1/queues/{queue}/endpoints", { params: { path }, body }));
  secret = endpoint.secret;
});

after(() => receiver.close());

async function arrival(id) {
  const until = Date.now() + 60_000;
  while (!arrived.has(id)) {
    assert.ok(Date.now() < until, `${id} has not arrived`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return arrived.get(id);
}

test("a task is enqueued once, delivered, and verified", async () => {
  const task = { type: "order.paid", payload: { id: 7 }, idempotency_key: "7" };
  const first = await posthaste.enqueue(path.queue, task);
  assert.equal((await posthaste.enqueue(path.queue, task)).id, first.id);
  const delivery = await arrival(first.id);
  assert.deepEqual([delivery.type, delivery.queue, delivery.attempt, delivery.replayed], ["order.paid", path.queue, 1, false]);
  assert.deepEqual(JSON.parse(delivery.payload.toString()), { id: 7 });
});

test("a batch answers for each, and all of them are listed, page after page", async () => {
  const result = await posthaste.enqueueBatch(path.queue, [{ type: "a", payload: 1 }, { type: "a", payload: 2 }, { type: "a", payload: 3, priority: 99 }]);
  assert.deepEqual([result.accepted, result.rejected], [2, 1]);
  const listed = [];
  const list = (page) => posthaste.api.GET("/v1/queues/{queue}/tasks", { params: { path, query: { type: "a", limit: 1, ...page } } });
  for await (const task of posthaste.all(list)) listed.push(task.id);
  assert.deepEqual(listed.sort(), result.items.filter((item) => item.id).map((item) => item.id).sort());
});

test("what the server refuses says which field is wrong", async () => {
  await assert.rejects(posthaste.enqueue(path.queue, { payload: 1, priority: 99 }), (error) => error instanceof Refused && error.problem.errors[0].field === "priority");
  await assert.rejects(posthaste.enqueue("nowhere", { payload: 1 }), (error) => error instanceof Refused && error.status === 404);
});
