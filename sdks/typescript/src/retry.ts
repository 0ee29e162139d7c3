/** When a request is made again: a pure decision. */

/** How often a request is made, and how long to wait in between, in milliseconds. */
export interface Retries {
  /** Requests in all, the first included; 1 never tries again. */
  attempts: number;
  /** The pause before the second, without a Retry-After: doubled each time, and up to a half shorter at random. */
  firstPause: number;
  /** The longest pause. A server that asks for a longer one is not asked again: the caller gets its refusal, with the time. */
  longestPause: number;
}

export const DEFAULT_RETRIES: Retries = { attempts: 4, firstPause: 100, longestPause: 30_000 };

/** What went wrong with one attempt: an answer with this status, and the pause that it asks for; or none. */
export type Failure = { status: number; retryAfter: number | undefined } | "broken";

/**
 * Milliseconds until the next attempt, or undefined to give up.
 *
 * @param made the attempts so far, from 1
 * @param harmless whether doing it twice is the same as doing it once
 * @param chance 0 to 1, at random
 */
export function pause(retries: Retries, made: number, harmless: boolean, failure: Failure, chance: number): number | undefined {
  const status = failure === "broken" ? undefined : failure.status;
  // A 429 is turned away before anything is done; a 5xx may be a proxy's answer to a request that went on.
  const again = status === 429 || (harmless && (status === undefined || (status >= 502 && status <= 504)));
  if (made >= retries.attempts || !again) return undefined;
  const asked = failure === "broken" ? undefined : failure.retryAfter;
  if (asked !== undefined) return asked > retries.longestPause ? undefined : asked + retries.firstPause * chance;
  return Math.min(retries.firstPause * 2 ** (made - 1), retries.longestPause) * (1 - chance / 2);
}

/** The header Retry-After in milliseconds; it may be a date. */
export function retryAfter(headers: Headers, now: number): number | undefined {
  const text = headers.get("retry-after");
  if (text === null) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
