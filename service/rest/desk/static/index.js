// Index: how it does, which snapshots there are, building it anew, and how good its answers are.
import { bar, button, coded, counted, el, empty, find, percent, refill, when } from "./dom.js";
import { asked } from "./dialogs.js";
import { notice, refused, say } from "./notices.js";
import { get, send, trouble } from "./rest.js";

const form = find("rebuild");
const LOOK_AGAIN = 1000;
const STATES = { published: ["good", "serves"], previous: ["", "the one before"], held: ["warm", "held"] };
const OUTCOMES = {
  running: ["warm", "being built"], published: ["good", "serves now"], held: ["warm", "waits to be published or discarded"],
  refused: ["bad", "was worse, and is thrown away"], failed: ["bad", "failed"], cancelled: ["", "cancelled"],
};
const NEEDS = {
  growth: "growth since the build", unseen: "share in categories since the build", recall: "recall of searches", imbalance: "imbalance of searches",
};

let watching = null; // the look that comes next, while a rebuild goes on

const entry = (name, ...value) => [el("dt", "", name), el("dd", "", ...value)];
const fine = (share) => `${(share * 100).toFixed(1)}%`; // a tenth of a hundredth tells good from better
const number = (value) => value.toLocaleString("en-GB", Number.isInteger(value) ? {} : { maximumSignificantDigits: 3 });

function health(said) {
  const due = said.needs.filter((need) => need.due);
  const state = said.damage.length ? ["bad", "damaged"] : due.length ? ["warm", "should be built anew"] : ["good", "healthy"];
  const unlabelled = said.counts.products - said.counts.labelled;
  refill(
    find("state"), el("p", "state", el("span", `badge ${state[0]}`, state[1])),
    ...said.damage.map((each) => el("p", "trouble", `${each.snapshot}: ${each.problem}`)),
    said.missing ? el("p", "note", coded(said.missing)) : "",
  );
  refill(
    find("health"),
    el(
      "dl", "known",
      ...entry("Products", number(said.counts.products), unlabelled ? el("span", "hint", ` ${number(unlabelled)} without a category`) : ""),
      ...entry("Categories in use", number(said.counts.categories)),
      ...entry("Place in the journal", number(said.seq), el("span", "hint", ` ${counted(said.seq - said.manifest.seq, "change")} since the build`)),
      ...entry("Built", when(said.manifest.created_at)),
      ...entry("Encoder", el("code", "", said.manifest.encoder_spec)),
      ...Object.entries(said.manifest.views).flatMap(([name, view]) => entry(
        `View ${name}`, `${number(view.vectors.count)} vectors of ${view.dim}, ${view.vectors.kind}`,
      )),
      ...said.needs.flatMap((need) => entry(
        NEEDS[need.name] || need.name, number(need.value), el("span", "hint", ` limit ${number(need.limit)}`), need.due ? el("span", "badge warm", "due") : "",
      )),
      ...(said.builder ? entry("Building now", `${said.builder.what}, process ${said.builder.pid}`) : []),
    ),
  );
}

function snapshots(said) {
  const rows = said.snapshots.map((each) => {
    const [badge, state] = STATES[each.state];
    const does = {
      published: [],
      previous: [["Serve it again", "Go back to the snapshot before?", "It is served with everything that was written since; labels are never rolled back.", ["POST", "/v1/index:rollback"]]],
      held: [
        ["Publish", "Serve this snapshot?", "The one that serves now is kept, and can be gone back to.", ["POST", "/v1/index:publish", { snapshot: each.id }]],
        ["Discard", "Throw this snapshot away?", "It cannot be had back; it can be built again.", ["POST", "/v1/index:discard"]],
      ],
    }[each.state];
    return el(
      "tr", "", el("td", "", el("code", "", each.id)), el("td", "", el("span", `badge ${badge}`, state)), el("td", "", when(each.created_at)),
      el("td", "", el("code", "", each.encoder)), el("td", "number", number(each.seq)),
      el("td", "", el("div", "does", ...does.map(([name, ...how]) => button("", name, () => sure(name, ...how))))),
    );
  });
  const head = ["Snapshot", "", "Built", "Encoder", "Place", ""].map((name) => el("th", name === "Place" ? "number" : "", name));
  const table = el("table", "", el("thead", "", el("tr", "", ...head)), el("tbody", "", ...rows));
  refill(find("snapshots"), rows.length ? table : empty("No snapshot is kept"));
}

/** Do something with a snapshot once somebody is sure. */
async function sure(name, title, text, [method, path, body]) {
  if (!(await asked(title, [el("p", "", text)], name))) return;
  try {
    const { snapshot } = await send(method, path, body);
    notice(`${name}: ${snapshot}.`);
    await reload();
  } catch (error) {
    refused(error);
  }
}

function progress(said) {
  const going = said?.state === "running";
  const had = document.activeElement === find("cancel");
  find("begin").disabled = going;
  find("cancel").hidden = !going;
  if (had && !going) find("begin").focus();
  if (!said) return find("progress").replaceChildren();
  const [badge, outcome] = OUTCOMES[said.state];
  const far = said.percent === null ? "" : ` ${Math.round(said.percent)}%`;
  const left = said.eta_s === null ? "" : `, about ${counted(Math.ceil(said.eta_s), "second")} left`;
  const rows = said.compared.map((each) => el(
    "tr", "", el("td", "", each.measure), el("td", "number", each.this.toFixed(4)), el("td", "number", each.other.toFixed(4)),
    el("td", "", each.worse ? el("span", "badge bad", "worse") : el("span", "badge good", "not worse")),
  ));
  const head = ["Compared", "new", "serving", ""].map((name) => el("th", "", name));
  find("progress").replaceChildren(
    el("p", "state", el("span", `badge ${badge}`, outcome), ` ${said.reason}, ${when(said.started_at)}`),
    going ? el("p", "", `${said.stage}${far}${left}`) : "",
    going ? bar((said.percent || 0) / 100) : "",
    said.error ? el("p", "trouble", said.error) : "",
    said.note ? el("p", "note", said.note) : "",
    rows.length ? el("div", "wide", el("table", "", el("thead", "", el("tr", "", ...head)), el("tbody", "", ...rows))) : "",
  );
}

async function figures() {
  try {
    const { calibration, evaluation } = await get("/v1/index/figures");
    find("figures").replaceChildren(calibration ? learnt(calibration) : empty("Not measured yet", "The next build asks the index about its own products."), report(evaluation));
  } catch (error) {
    find("figures").replaceChildren(trouble(error, figures));
  }
}

function learnt(said) {
  const rows = said.dial.map((each) => el(
    "tr", "", el("td", "", percent(each.precision)), el("td", "", each.threshold === null ? "nothing is as sure" : `${fine(each.answered)} of the products`),
    el("td", "", bar(each.answered)),
  ));
  const head = ["To be right in", "it answers", ""].map((name) => el("th", "", name));
  return el(
    "div", "", el("p", "hint", `As the index found by asking about ${counted(said.observations, "product")} of its own, each without itself.`),
    el("dl", "known", ...entry("Likeliest category right", fine(said.accuracy)), ...entry("Calibration error", said.error.toFixed(4))),
    el("table", "", el("thead", "", el("tr", "", ...head)), el("tbody", "", ...rows)),
  );
}

function report(said) {
  if (!said) return el("p", "note", "Nobody has evaluated it on products that it never saw: ", el("code", "", "aisle evaluate --index FOLDER"), " does, and its report is shown here.");
  const rows = said.measures.map((each) => {
    const name = el("td", "", each.name, el("span", "hint", ` ${each.what}`));
    return el("tr", "", name, el("td", "number", fine(each.value)), el("td", "hint", `${fine(each.low)} to ${fine(each.high)}`));
  });
  const link = el("a", "", "The whole report");
  link.href = "/v1/index/report";
  return el(
    "div", "evaluation", el("h3", "", `Evaluated ${when(said.at)}, ${said.method}, ${counted(said.asked, "product")}, snapshot ${said.snapshot}`),
    el("table", "", el("tbody", "", ...rows)), el("p", "", link, el("span", "hint", " with plots, confused categories and the surest errors")),
  );
}

async function reload() {
  try {
    const said = await get("/v1/index");
    health(said);
    snapshots(said);
    progress(said.rebuild);
    clearTimeout(watching);
    watching = said.rebuild?.state === "running" ? setTimeout(reload, LOOK_AGAIN) : null;
    return said;
  } catch (error) {
    find("state").replaceChildren(trouble(error, reload));
    find("health").replaceChildren();
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));
  find("begin").setAttribute("aria-busy", "true");
  try {
    await send("POST", "/v1/index:rebuild", said);
    say("The index is being built anew.");
    await reload();
  } catch (error) {
    find("progress").replaceChildren(trouble(error));
  } finally {
    find("begin").removeAttribute("aria-busy");
  }
});

find("cancel").addEventListener("click", async () => {
  try {
    await send("POST", "/v1/index:cancel");
    await reload();
  } catch (error) {
    refused(error);
  }
});

reload();
figures();
