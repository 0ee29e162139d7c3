/** The other side: verifying what Posthaste delivers. */

import { Webhook } from "standardwebhooks";
import { NotVerified } from "./errors.js";

/** A delivery that is verified. Its id, time and payload are signed; what comes from other headers is not. */
export interface Delivery {
  /** The task's id, the same on every attempt and replay: do nothing twice for the same one. */
  id: string;
  /** The body, byte for byte. */
  payload: Buffer;
  /** What kind of task it is. Not signed. */
  type: string | undefined;
  /** The queue's name. Not signed. */
  queue: string | undefined;
  /** Which attempt this is, from 1. Not signed. */
  attempt: number | undefined;
  /** Whether it was replayed. Not signed. */
  replayed: boolean;
}

/** Headers as Node, Express, `fetch` and the like have them. */
export type IncomingHeaders = Headers | Record<string, string | string[] | undefined>;

/**
 * Verifies a request with the Standard Webhooks library; throws {@link NotVerified}.
 *
 * @param secret the endpoint's: `whsec_…`
 * @param body the bytes as they came: a body that was parsed and written again has another signature
 */
export function verify(secret: string, body: Buffer | Uint8Array | string, headers: IncomingHeaders): Delivery {
  const entries = headers instanceof Headers ? [...headers.entries()] : Object.entries(headers);
  const lower = new Map(entries.map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(", ") : (value ?? "")]));
  const payload = Buffer.from(body as Uint8Array);
  try {
    new Webhook(secret).verify(payload, Object.fromEntries(lower), { jsonParse: false });
  } catch (error) {
    throw new NotVerified(error instanceof Error ? error.message : String(error));
  }
  const attempt = Number(lower.get("posthaste-attempt"));
  return {
    id: lower.get("webhook-id") ?? "",
    payload,
    type: lower.get("posthaste-type"),
    queue: lower.get("posthaste-queue"),
    attempt: Number.isInteger(attempt) && attempt > 0 ? attempt : undefined,
    replayed: lower.has("posthaste-replay"),
  };
}
