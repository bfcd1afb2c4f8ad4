// Access: API keys and accounts, as admins make and list them, give them another secret, and take them away.
import { author } from "./author.js";
import { asked } from "./dialogs.js";
import { button, el, empty, find, listed, when } from "./dom.js";
import { notice, refused } from "./notices.js";
import { get, send, trouble } from "./rest.js";

const STATES = { valid: ["good", "counts"], expired: ["", "has expired"], revoked: ["bad", "revoked"] };
const OVERLAP = 24; // hours

const day = (moment) => new Date(moment).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
const used = (moment) => (moment ? when(moment) : "never");
const rate = (value) => ({ null: "as set", 0: "any number" })[value] ?? `${value.toLocaleString("en-GB")} a minute`;

function table(names, rows) {
  const head = el("thead", "", el("tr", "", ...names.map((name) => el("th", "", name))));
  return el("table", "", head, el("tbody", "", ...rows.map((cells) => el("tr", "", ...cells.map((cell) => el("td", "", cell))))));
}

/** A button of a row: its name is heard with whom it is about. */
function act(name, whom, does) {
  const made = button("quiet", name, does);
  made.setAttribute("aria-label", `${name} ${whom}`);
  return made;
}

async function keys() {
  try {
    const { items } = await get("/v1/keys");
    const rows = items.map((each) => [
      el("span", "", each.name, el("span", "hint", ` ${each.id}`)), listed(each.scopes),
      el("span", `badge ${STATES[each.state][0]}`, STATES[each.state][1]), rate(each.rate), used(each.last_used_at),
      each.expires_at ? day(each.expires_at) : "no end",
      each.revoked_at ? "" : el("div", "does", act("Rotate", each.name, () => rotate(each)), act("Revoke", each.name, () => revoke(each))),
    ]);
    const shown = table(["Name", "May", "", "Rate", "Last used", "Until", ""], rows);
    find("keys").replaceChildren(rows.length ? shown : empty("No key was ever made"));
  } catch (error) {
    find("keys").replaceChildren(trouble(error, keys));
  }
}

async function accounts() {
  try {
    const { items } = await get("/v1/accounts");
    const rows = items.map((each) => [
      each.name, listed(each.scopes), used(each.last_used_at), day(each.created_at), act("Remove", each.name, () => remove(each)),
    ]);
    find("accounts").replaceChildren(rows.length ? table(["Name", "May", "Last signed in", "Made", ""], rows) : empty("Nobody has an account"));
  } catch (error) {
    find("accounts").replaceChildren(trouble(error, accounts));
  }
}

/** Show a token, this once. */
const told = ({ name, token }) =>
  asked(`The key of ${name}`, [el("p", "", "Keep it now: it is not stored, and cannot be told again."), el("code", "token", token)], "I have kept it", undefined, "");

/** Do something with a key or an account once somebody is sure, and show what became of it. */
async function sure(title, content, yes, does, shown) {
  if (!(await asked(title, content, yes))) return;
  try {
    await does();
    await shown();
  } catch (error) {
    refused(error);
  }
}

function rotate(key) {
  const label = el("label", "", "Hours that the token before counts beside the new one ", el("span", "hint", "0 for one that leaked"));
  const input = el("input");
  Object.assign(input, { type: "number", min: 0, max: 8760, value: OVERLAP, required: true });
  input.id = label.htmlFor = "overlap";
  const does = async () => told(await send("POST", `/v1/keys/${key.id}:rotate`, { overlap_hours: Number(input.value) }));
  return sure(`Give ${key.name} another token?`, [el("div", "", label, input)], "Rotate", does, keys);
}

function revoke(key) {
  const does = async () => {
    await send("DELETE", `/v1/keys/${key.id}`);
    notice(`${key.name} is revoked.`);
  };
  return sure(`Revoke ${key.name}?`, [el("p", "", "It is refused everywhere within a second, and cannot be had back.")], "Revoke", does, keys);
}

function remove(account) {
  const does = async () => {
    await send("DELETE", `/v1/accounts/${encodeURIComponent(account.name)}`);
    notice(`${account.name} has no account any more.`);
  };
  return sure(`Remove ${account.name}?`, [el("p", "", "Whoever is signed in with it is signed out. What was decided with it stays.")], "Remove", does, accounts);
}

/** Let a form send what it holds, show the list anew and be empty again, or say at `place` why not. */
function carries(form, place, carry, shown) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = new FormData(form);
    try {
      await carry(said, said.getAll("scopes"));
      find(place).replaceChildren();
      form.reset();
      await shown();
    } catch (error) {
      find(place).replaceChildren(trouble(error));
    }
  });
}

carries(find("make-key"), "key-trouble", async (said, scopes) => {
  const ends = said.get("until") ? { expires_at: `${said.get("until")}T23:59:59Z` } : {};
  const often = said.get("rate") ? { rate: Number(said.get("rate")) } : {};
  await told(await send("POST", "/v1/keys", { name: said.get("name"), scopes, author: author(), ...ends, ...often }));
}, keys);

carries(find("set-account"), "account-trouble", async (said, scopes) => {
  await send("PUT", `/v1/accounts/${encodeURIComponent(said.get("name"))}`, { password: said.get("password"), scopes });
  notice(`${said.get("name")} may sign in.`);
}, accounts);

keys();
accounts();
