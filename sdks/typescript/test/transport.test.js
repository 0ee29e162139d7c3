// Against a server that answers as it is told.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { Posthaste, Refused, done, verify, NotVerified } from "../dist/index.js";

const ENQUEUED = { id: "0190163d-8694-739b-aea5-966c26f8ad91", deliveries: 1 };
const QUICK = { firstPause: 1 };

/** A server with these answers, in turn, the last again and again; `asked` is what it was asked. */
async function serving(context, ...answers) {
  const asked = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    asked.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
    const { status, headers, body } = answers[Math.min(asked.length, answers.length) - 1];
    if (status === 0) return response.destroy();
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body ?? {}));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  context.after(() => server.close());
  return { asked, posthaste: new Posthaste({ url: `http://127.0.0.1:${server.address().port}/v1/`, key: "ph_x", retries: QUICK }) };
}

for (const [name, refusal] of Object.entries({ 429: { status: 429 }, 503: { status: 503 }, "a broken connection": { status: 0 } })) {
  test(`an enqueue is repeated after ${name}, under one idempotency key`, async (context) => {
    const { asked, posthaste } = await serving(context, refusal, refusal, { status: 202, body: ENQUEUED });
    assert.deepEqual(await posthaste.enqueue("q", { payload: 1 }), ENQUEUED);
    const keys = asked.map((request) => JSON.parse(request.body).idempotency_key);
    assert.equal(keys.length, 3);
    assert.ok(keys[0] && keys.every((key) => key === keys[0]));
    assert.equal(asked[0].headers.authorization, "Bearer ph_x");
    assert.equal(asked[0].url, "/v1/queues/q/tasks");
  });
}

test("Retry-After is obeyed, and one that is too long is the caller's to wait for", async (context) => {
  const { posthaste } = await serving(context, { status: 503, headers: { "retry-after": "1" } }, { status: 202, body: ENQUEUED });
  const begun = performance.now();
  await posthaste.enqueue("q", { payload: 1 });
  assert.ok(performance.now() - begun >= 1000);
  const { asked, posthaste: patient } = await serving(context, { status: 429, headers: { "retry-after": "31" } });
  await assert.rejects(patient.enqueue("q", { payload: 1 }), (error) => error instanceof Refused && error.retryAfter === 31_000);
  assert.equal(asked.length, 1);
});

test("what may have been done is not done again, and a refusal names its fields", async (context) => {
  const problem = { type: "/problems/invalid", title: "Not valid", status: 400, detail: "look", errors: [{ field: "name", detail: "is empty" }] };
  const first = await serving(context, { status: 503 });
  await assert.rejects(done(first.posthaste.api.POST("/v1/queues", { body: { name: "q" } })), Refused);
  assert.equal(first.asked.length, 1);
  const second = await serving(context, { status: 400, body: problem });
  await assert.rejects(done(second.posthaste.api.POST("/v1/queues", { body: { name: "" } })), /name: is empty/);
});

test("a signature is verified whatever kind of headers it comes in, and a forgery is not", () => {
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const now = new Date();
  const signature = new Webhook(secret).sign("msg_1", now, "{}");
  const headers = { "Webhook-Id": "msg_1", "Webhook-Timestamp": String(Math.floor(now / 1000)), "Webhook-Signature": `v1a,x ${signature}` };
  for (const kind of [headers, new Headers(headers)]) {
    assert.equal(verify(secret, Buffer.from("{}"), kind).id, "msg_1");
    assert.throws(() => verify(secret, "{ }", kind), NotVerified);
  }
  assert.throws(() => verify(secret, "{}", {}), NotVerified);
});
