// Receives what Posthaste delivers, with Express: verifies each request with the Standard Webhooks library and prints one line for it.
//
// Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...); PORT, where 0, the default, takes any free one.

import type { AddressInfo } from "node:net";
import express, { type Request, type Response } from "express";
import { Webhook } from "standardwebhooks";

// Posthaste takes no larger payload unless it is configured to.
const LARGEST_BODY = "1mb";

// An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
// in the same transaction as what the task makes it do.
const REMEMBERED_IDS = 10_000;

const secret = process.env.WEBHOOK_SECRET;
if (!secret) {
  console.error("WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_...");
  process.exit(1);
}
const webhook = new Webhook(secret);
const seen = new Set<string>();

/** Notes the id; false when it was here before. */
function isNew(id: string): boolean {
  if (seen.has(id)) return false;
  seen.add(id);
  if (seen.size > REMEMBERED_IDS) seen.delete(seen.values().next().value!);
  return true;
}

function isVerified(body: Buffer, headers: Request["headers"]): boolean {
  try {
    webhook.verify(body, headers as Record<string, string>, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

const app = express();
// The bytes as they came, whatever their type: a body that was parsed and written again has another signature.
app.use(express.raw({ type: () => true, limit: LARGEST_BODY }));

app.post("/", (request: Request, response: Response) => {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const id = request.get("webhook-id");
  // The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
  const line = { id, type: request.get("posthaste-type") };
  if (!id || !isVerified(body, request.headers)) {
    console.log(JSON.stringify({ ...line, verified: false }));
    response.status(401).end();
    return;
  }
  // At least once means that a task may come again: say yes to it, and do nothing.
  console.log(JSON.stringify({ ...line, verified: true, duplicate: !isNew(id) }));
  response.status(204).end();
});

const server = app.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
