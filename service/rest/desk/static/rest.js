// Calls of the REST API, and what is shown of one that is refused.
import { button, el } from "./dom.js";

const SIGN_IN = "/sign-in";

/** A request that was refused, with the problem (RFC 9457) that the service told, or one of ours when it did not answer. */
export class Trouble extends Error {
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, { errors: [], request_id: "" }, problem);
  }
}

/** Send a request and return what was answered; throws Trouble. A body that is no form is sent as JSON. `heard` is told the headers. */
export async function send(method, path, body, { headers = {}, signal, keepalive = false, heard } = {}) {
  const json = body !== undefined && !(body instanceof FormData);
  const all = json ? { "Content-Type": "application/json", ...headers } : headers;
  const { response, told } = await fetched(path, { method, headers: all, body: json ? JSON.stringify(body) : body, signal, keepalive });
  heard?.(response.headers);
  return taken(response.status, told);
}

/** Fetch, and read what is told with `read`, of a refusal JSON; throws Trouble where nothing answers. */
async function fetched(path, options, read = (answer) => answer.json()) {
  try {
    const response = await fetch(path, options);
    return { response, told: await (response.ok ? read(response) : response.json()) };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreached();
  }
}

/**
 * Upload a form, telling which share of it is sent, and return what was answered; throws Trouble. fetch does not tell
 * how far it is.
 */
export function upload(path, form, { headers = {}, signal, sent } = {}) {
  return new Promise((answer, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "json";
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && sent?.(event.loaded / event.total));
    request.addEventListener("abort", () => fail(new DOMException("stopped", "AbortError")));
    request.addEventListener("error", () => fail(unreached()));
    request.addEventListener("load", () => {
      try {
        answer(taken(request.status, request.response));
      } catch (error) {
        fail(error);
      }
    });
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

const unreached = () => new Trouble({ title: "No answer", detail: "the service cannot be reached; check that it runs and try again" });

/** Return what was answered; throws Trouble when that is a refusal, and leads to signing in where the session has ended. */
function taken(status, told) {
  if (told === null) throw unreached(); // something before the service answered
  if (status === 401 && location.pathname !== SIGN_IN) {
    location.assign(`${SIGN_IN}?next=${encodeURIComponent(location.pathname)}`);
  }
  if (status < 200 || status > 299) throw new Trouble(told);
  return told;
}

/** What somebody says: without what is undefined, null or empty. */
export const said = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== ""));

/** Read a route; what is undefined or empty in `query` is left out. */
export function get(path, query = {}, options = {}) {
  return send("GET", asking(path, query), undefined, options);
}

/** Read a route that answers bytes. */
export async function bytes(path, query = {}) {
  const { response, told } = await fetched(asking(path, query), {}, (answer) => answer.arrayBuffer());
  return taken(response.status, told);
}

function asking(path, query) {
  const asked = new URLSearchParams(said(query)).toString();
  return asked ? `${path}?${asked}` : path;
}

/** Write something once, however often the network repeats it. */
export function post(path, body, options = {}) {
  const headers = { "Idempotency-Key": key(), ...options.headers };
  return send("POST", path, body, { ...options, headers });
}

/** A key of a request: `randomUUID` is there on https and on this machine alone. */
export function key() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The path of a product below a route: slashes in ids stay slashes. */
export const idPath = (id) => encodeURIComponent(id);

const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "");

/** Show a refusal: what to do first, then what happened and where. `again` is what a second try does. */
export function trouble(error, again = null) {
  if (!(error instanceof Trouble)) throw error; // a fault of this page's own belongs in the console
  const cut = error.detail.lastIndexOf("; ");
  const remedy = error.errors.length ? error.title : cut < 0 ? error.detail : error.detail.slice(cut + 2);
  const cause = error.errors.length || cut < 0 ? "" : error.detail.slice(0, cut);
  const faults = error.errors.map((each) => el("li", "", `${each.pointer.replace(/^[/?]/, "") || "request"}: ${each.message}`));
  const shown = el(
    "div", "trouble",
    el("b", "", sentence(remedy)), cause ? ` ${sentence(cause)}` : "",
    faults.length ? el("ul", "", ...faults) : null,
    again ? button("quiet", "Try again", again) : null,
    error.request_id ? el("p", "hint", `Request ${error.request_id}`) : null,
  );
  shown.setAttribute("role", "alert");
  return shown;
}
