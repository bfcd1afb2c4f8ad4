// Sign in: by name and password or by key, with POST /v1/session, and on to the page that was wanted.
import { find } from "./dom.js";
import { send, trouble } from "./rest.js";

/** The page that was wanted, when it is one of this service. */
function wanted() {
  const next = new URL(new URLSearchParams(location.search).get("next") || "/", location.origin);
  return next.origin === location.origin ? next.href : "/"; // whole: a path alone may begin with another host
}

async function signIn(event) {
  event.preventDefault();
  const form = event.target;
  const submit = form.querySelector("button");
  submit.setAttribute("aria-busy", "true");
  try {
    await send("POST", "/v1/session", Object.fromEntries(new FormData(form)));
    location.assign(wanted());
  } catch (error) {
    find("trouble").replaceChildren(trouble(error));
    form.querySelector("input[type=password]").select();
  } finally {
    submit.removeAttribute("aria-busy");
  }
}

for (const form of document.querySelectorAll("form")) form.addEventListener("submit", signIn);
