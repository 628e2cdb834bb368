// The REST API as the page uses it: JSON calls, resumable uploads, event streams. Errors carry the hub's own hint.

export const KEPT = "voicehub.session";
const IN_FLIGHT = "IDEMPOTENCY_IN_FLIGHT"; // what the hub says to a second request while the first is under way
const PATIENCE = 8; // times that it is asked then
const REUSED = "IDEMPOTENCY_KEY_REUSED"; // to what was done before a new login: what was answered then is not told again
const MOST_UNANSWERED = 20;
/** The event of the window when the hub does not take the login any more. */
export const FORGOTTEN = "voicehub.forgotten";

/** An answer that is no success; `message` and `hint` are the hub's. */
export class Problem extends Error {
  /** @param {number} status @param {{detail?: string, hint?: string, reason?: string, fields?: Record<string, string>}} body @param {string} [path] what was asked */
  constructor(status, body, path = "") {
    super(body.detail || `HTTP ${status}`);
    this.status = status;
    this.hint = body.hint || "";
    this.reason = body.reason || "";
    this.fields = body.fields || {};
    this.path = path;
  }
}

/** @returns {{token: string, account: string} | null} */
export function session() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) || "null");
  } catch {
    return null;
  }
}

/** @param {{token: string, account: string} | null} value */
export function keepSession(value) {
  if (value) localStorage.setItem(KEPT, JSON.stringify(value));
  else localStorage.removeItem(KEPT);
}

/** Whether trying again may help: the hub, or a part of it, is away or full for the moment. @param {unknown} error */
export const passing = (error) => error instanceof Problem && ([0, 502, 503, 504].includes(error.status) || error.reason === "SHARE_TAKEN");

/** Whether what was asked for has been done, of which the answer was lost. @param {Problem} problem */
export const doneBefore = (problem) => problem.reason === REUSED;

/** Whether what was asked for is not done, and is not under way either. @param {unknown} error */
export const refused = (error) => error instanceof Problem && error.status >= 400 && error.status < 500 && !(passing(error) || [401, 408, 429].includes(error.status) || [IN_FLIGHT, REUSED].includes(error.reason));

/** @param {number} failures so far */
const pause = (failures) => new Promise((resolve) => setTimeout(resolve, Math.min(500 * failures, 10_000)));

/** @param {string} method @param {string} path @param {BodyInit | null} [body] @param {Record<string, string>} [sent] headers @param {AbortSignal} [signal] @returns {Promise<Response>} */
async function send(method, path, body = null, sent = {}, signal) {
  const known = session();
  const headers = known ? { ...sent, Authorization: `Bearer ${known.token}` } : sent;
  let response;
  try {
    response = await fetch(`/v1${path}`, { method, body, headers, signal });
  } catch {
    signal?.throwIfAborted();
    throw new Problem(0, { reason: "UNREACHABLE" });
  }
  if (response.ok) return response;
  const problem = new Problem(response.status, await response.json().catch(() => ({})), path);
  if (problem.reason !== "INVALID_TOKEN") throw problem;
  if (session()?.token === known?.token) {
    keepSession(null);
    dispatchEvent(new Event(FORGOTTEN));
  }
  if (method !== "GET") throw problem;
  return send(method, path, body, sent, signal); // what everybody may see is shown without a login
}

/** Keys of what was sent and not answered: it may have been done, and sent again it must not be done twice. @type {Map<string, string>} */
const unanswered = new Map();

/** @param {string} what @param {string} key */
function remember(what, key) {
  unanswered.set(what, key);
  for (const [oldest] of unanswered) if (unanswered.size > MOST_UNANSWERED) unanswered.delete(oldest);
}

/** @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export async function call(method, path, body) {
  if (method === "POST" && body !== undefined) return make(path, JSON.stringify(body));
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method === "POST") headers["Idempotency-Key"] = newKey();
  const response = await send(method, path, body === undefined ? null : JSON.stringify(body), headers);
  return response.status === 204 ? null : response.json();
}

/** Makes something, with the key of the same request before if that was not answered. @param {string} path @param {string} text @returns {Promise<any>} */
async function make(path, text) {
  const known = session();
  const what = `${known?.account} ${path} ${text}`;
  const kept = !["/sessions", "/uploads"].includes(path); // a second login, or empty upload, does no harm
  const key = unanswered.get(what) || newKey();
  unanswered.delete(what);
  for (let failures = 1; ; failures += 1) {
    try {
      return await (await send("POST", path, text, { "Content-Type": "application/json", "Idempotency-Key": key })).json();
    } catch (error) {
      const waits = error instanceof Problem && error.reason === IN_FLIGHT && failures < PATIENCE;
      if (waits) await pause(failures);
      if (waits && session()?.token === known?.token) continue; // else it would go out as somebody else's
      if (kept && !refused(error)) remember(what, key);
      throw error;
    }
  }
}

/** @param {string} path @returns {Promise<any>} */
export const get = (path) => call("GET", path);

/** Bytes of an object, for players: private voices need the token in a header. @param {string} path */
export const blob = async (path) => (await send("GET", path)).blob();

/** A text spoken by the hub, and the words of it that are not spoken. @param {unknown} body @returns {Promise<{audio: Blob, leftOut: string[]}>} */
export async function speech(body) {
  const json = { "Content-Type": "application/json", "Idempotency-Key": newKey() };
  const response = await send("POST", "/synthesis", JSON.stringify(body), json);
  return { audio: await response.blob(), leftOut: JSON.parse(response.headers.get("X-Left-Out") || "[]") };
}

/** Sends a file as the body. @param {string} path @param {Blob} file @returns {Promise<any>} */
export const sendFile = async (path, file) => (await send("POST", path, file, { "Content-Type": "application/octet-stream" })).json();

/**
 * Sends a file in pieces and goes on after a torn connection.
 * @param {Blob} file @param {string} filename @param {(fraction: number) => void} progress before each piece, and at the end
 * @returns {Promise<string>} id of the complete upload
 */
export async function upload(file, filename, progress) {
  const begun = await call("POST", "/uploads", { filename, size: file.size });
  let offset = 0;
  for (let failures = 0; offset < file.size; ) {
    progress(offset / file.size);
    try {
      if (failures) {
        offset = (await get(`/uploads/${begun.id}`)).offset;
        progress(offset / file.size);
      }
      if (offset < file.size) offset = await sendPiece(begun.id, file, offset);
      failures = 0;
    } catch (error) {
      failures += 1;
      const elsewhere = error instanceof Problem && error.status === 409; // more of it has arrived than was told
      if (failures > 5 || !(elsewhere || passing(error))) throw error;
      await pause(failures);
    }
  }
  progress(1);
  return begun.id;
}

/** @param {string} id @param {Blob} file @param {number} offset @returns {Promise<number>} where the next piece begins */
async function sendPiece(id, file, offset) {
  const headers = { "Upload-Offset": String(offset), "Content-Type": "application/octet-stream" };
  const response = await send("PATCH", `/uploads/${id}`, file.slice(offset, offset + (1 << 20)), headers);
  return (await response.json()).offset;
}

/**
 * Follows an event stream (EventSource cannot send a token) until `onEvent` has called an event the last, or `signal`
 * aborts. A stream that ends before is opened again by Last-Event-ID, as often as it takes; `away` is told.
 * @param {string} path @param {(event: string, data: any) => boolean} onEvent @param {AbortSignal} signal
 * @param {(is: boolean) => void} [away]
 */
export async function follow(path, onEvent, signal, away = () => undefined) {
  let last = "";
  for (let failures = 0; ; failures += 1) {
    try {
      const response = await send("GET", path, null, last ? { "Last-Event-ID": last } : {}, signal);
      for await (const message of messages(/** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body))) {
        if (message.event === "problem") break; // a part of the hub is away; the stream ends here
        if (message.event === "message") continue;
        failures = 0;
        away(false);
        last = message.id || last;
        if (message.data && onEvent(message.event, JSON.parse(message.data))) return;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!passing(error)) throw error;
    }
    away(failures > 0);
    await pause(failures + 1);
  }
}

/** What a view shows after a change: asked again while the hub is away. @template T @param {() => Promise<T>} ask @param {AbortSignal} signal @returns {Promise<T>} */
export async function patiently(ask, signal) {
  for (let failures = 1; ; failures += 1) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || !passing(error)) throw error;
      await pause(failures);
    }
  }
}

/** @param {ReadableStream<Uint8Array<ArrayBuffer>>} body */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => { throw new Problem(0, { reason: "UNREACHABLE" }); });
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop() || "";
      for (const block of blocks) yield parse(block);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** @param {string} block */
function parse(block) {
  const message = { event: "message", id: "", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trimStart();
    if (name === "data") message.data += (message.data ? "\n" : "") + value;
    else if (name === "event" || name === "id") message[name] = value;
    else if (!name) message.event = "alive";
  }
  return message;
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
