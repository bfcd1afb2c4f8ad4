// Figures: how answers were received, by day, confidence, category and supplier, and how many of the sure ones are right.
import { bar, button, counted, el, empty, find, listed, path } from "./dom.js";
import { say } from "./notices.js";
import { draw, label, lines, plot, says, whisker } from "./plot.js";
import { picker } from "./picker.js";
import { get, trouble } from "./rest.js";
import { exported } from "./table.js";

const filters = find("filters");
const TYPED = 400; // milliseconds of no typing after which a filter counts
const LISTED = 12; // categories or suppliers before the rest is asked for
const DAY = 86_400_000;
const CHOSEN = "dates";
const LABELS = 44; // pixels beside a drawing for what its lines stand for
const ACTIONS = ["accept", "correct", "coarser", "finer", "tags", "skip", "unsure"];
const HEAD = ["group", "value", "decided", ...ACTIONS, "acceptance", "override", "low", "high"];

let branch = null;
let turn = 0; // of two looks that overlap the later one counts
let told = null; // what is shown

const share = (value) => `${(value * 100).toFixed(1).replace(/\.0$/, "")}%`;
const number = (value) => value.toLocaleString("en-GB");
const between = ([low, high]) => `${share(low)} to ${share(high)}`;
const overruled = (rates) => rates.actions.correct + rates.actions.coarser + rates.actions.finer;
const day = (text) => new Date(`${text}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** What is asked for. Days are those of UTC, as the service counts them. */
function wanted() {
  const { period, from, to, decision, supplier } = filters;
  const chosen = period.value === CHOSEN;
  const today = new Date().setUTCHours(0, 0, 0, 0);
  const first = chosen ? from.value && Date.parse(from.value) : period.value && today - (period.value - 1) * DAY;
  const last = chosen && to.value && Date.parse(to.value);
  const at = (moment) => (moment || moment === 0 ? new Date(moment).toISOString() : null);
  return { since: at(first || null), until: at(last ? last + DAY : null), category: branch?.id, supplier: supplier.value.trim(), decision: decision.value };
}

async function load() {
  const mine = ++turn;
  find("figures").setAttribute("aria-busy", "true");
  try {
    const said = await get("/v1/predictions:figures", wanted());
    if (mine !== turn) return;
    told = said;
    show();
    say(told.kept ? `${counted(told.kept, "answer")}, ${number(told.total.decided)} decided about.` : "No answer.");
  } catch (error) {
    if (mine === turn) find("figures").replaceChildren(trouble(error, load));
  } finally {
    if (mine === turn) find("figures").removeAttribute("aria-busy");
  }
}

function show() {
  find("export").disabled = !told.kept;
  if (!told.kept) {
    find("figures").replaceChildren(empty("No answer was kept in this time", "Whatever is asked about products is kept, for as long as the service is set to keep it."));
    return;
  }
  find("figures").replaceChildren(
    card("In all", inAll()), card("Sure answers, by a sample", sample(told.sample)),
    card("By day", days(told.day), "across"), card("By confidence", confidence(told.confidence), "across"),
    card("By category", table("Category", told.category, path), "across"), card("By supplier", table("Supplier", told.supplier), "across"),
  );
}

function card(title, content, name = "") {
  const id = `${title.toLowerCase().replace(/\W+/g, "-")}-heading`;
  const made = el("section", `card ${name}`, el("h2", "", title), content);
  made.firstElementChild.id = id;
  made.setAttribute("aria-labelledby", id);
  return made;
}

function inAll() {
  const { total, abstained } = told;
  const entry = (name, value, hint) => [el("dt", "", name), el("dd", "", el("b", "", value), hint ? el("span", "hint", ` ${hint}`) : "")];
  const rate = (value) => (value === null ? "–" : share(value));
  const looked = Object.entries(abstained.actions).filter(([, many]) => many).map(([action, many]) => `${many} ${action}`);
  return el(
    "dl", "known",
    ...entry("Accepted", rate(total.acceptance), total.decided ? `${between(total.interval)}, with 95%` : "nobody has decided yet"),
    ...entry("Overruled", rate(total.override), total.decided ? `${number(overruled(total))} of ${number(total.decided)} decided` : ""),
    ...entry("Not decided about", number(told.undecided), `of ${counted(told.kept, "answer")}`),
    ...entry("Named no category", looked.length ? listed(looked) : "none decided"),
    ...(told.lost ? entry("Not kept", number(told.lost), "since the service began: the record store refused to write") : []),
  );
}

/** The share of sure answers that are right, on a line from where it may begin to 100%. */
function sample(said) {
  const looked = `${number(said.decided)} of ${number(said.sampled)} in the sample looked at`;
  const hint = el("p", "hint", `${share(said.share)} of the sure answers are in the sample, chosen by nobody; they come on the page `, link("/review", "Review"), ".");
  if (!said.decided) return el("div", "list", el("p", "big", "Not known yet"), el("p", "", looked), hint);
  const [low, high] = said.interval;
  const from = Math.min(0.9, Math.floor(low * 10) / 10);
  const drawn = plot(`${share(said.precision)} right, between ${between(said.interval)}`, 64, (width) => {
    const x = (value) => 20 + ((value - from) / (1 - from)) * (width - 40);
    const steps = Array.from({ length: 6 }, (_, at) => from + ((1 - from) * at) / 5);
    return [
      ...steps.map((step) => [draw("line", "grid", { x1: x(step), x2: x(step), y1: 8, y2: 40 }), label(share(step), "tick", x(step), 58)]),
      whisker(x(low), 24, x(high), 24, x(said.precision), 24),
    ].flat();
  });
  return el("div", "list", el("p", "big", `${share(said.precision)} right`), el("p", "", `${between(said.interval)}, with 95%; ${looked}`), drawn, hint);
}

function link(to, text) {
  const made = el("a", "", text);
  made.href = to;
  return made;
}

/** Accepted answers of each day above a line, overruled ones below it. */
function days(rows) {
  const decided = rows.filter((each) => each.decided).toReversed();
  if (!decided.length) return undecided();
  const at = (each) => Date.parse(`${each.value}T00:00:00Z`) / DAY;
  const first = at(decided[0]);
  const count = at(decided.at(-1)) - first + 1;
  const up = Math.max(...decided.map((each) => each.actions.accept));
  const down = Math.max(...decided.map(overruled));
  const told = `Accepted and overruled answers of ${counted(decided.length, "day")}, ${day(decided[0].value)} to ${day(decided.at(-1).value)}`;
  const drawn = plot(told, 220, (width) => {
    const [top, bottom] = [16, 184];
    const step = (width - LABELS - 8) / count;
    const y = (value) => top + ((up - value) / (up + down || 1)) * (bottom - top);
    const wide = Math.max(1, Math.min(40, step - 2));
    const named = [...new Set([0, Math.round((count - 1) / 2), count - 1])];
    return [
      ...lines([...new Set([up, 0, -down])], y, LABELS, width, (value) => number(Math.abs(value))),
      ...decided.flatMap((each) => {
        const x = LABELS + 4 + (at(each) - first + 0.5) * step - wide / 2;
        const text = `${day(each.value)}: ${each.actions.accept} accepted, ${overruled(each)} overruled`;
        return [
          draw("rect", "accepted", { x, y: y(each.actions.accept), width: wide, height: y(0) - y(each.actions.accept) }, says(text)),
          draw("rect", "overruled", { x, y: y(0), width: wide, height: y(-overruled(each)) - y(0) }, says(text)),
        ];
      }),
      ...named.map((place) => label(
        day(new Date((first + place) * DAY).toISOString().slice(0, 10)), "tick", LABELS + 4 + (place + 0.5) * step, 206,
        count < 3 ? "middle" : { 0: "start", [count - 1]: "end" }[place],
      )),
    ];
  });
  const key = el("p", "key", el("span", "swatch accepted"), "accepted, above the line", el("span", "swatch overruled"), "overruled, below it");
  return el("div", "list", key, drawn, asTable("Day of the answer", rows, day));
}

/** How often answers were right against how sure they were: a box is where it would be as sure as it said. */
function confidence(rows) {
  const decided = rows.filter((each) => each.decided);
  if (!decided.length) return undecided();
  const drawn = plot(`Share of answers accepted, in ${counted(decided.length, "class", "classes")} of how sure they were`, 240, (width) => {
    const y = (value) => 12 + (1 - value) * 180;
    const step = (width - LABELS - 8) / decided.length;
    return [
      ...lines([0, 0.25, 0.5, 0.75, 1], y, LABELS, width, share),
      ...decided.flatMap((each, place) => {
        const middle = LABELS + 4 + (place + 0.5) * step;
        const [least, most] = each.value.split(" to ").map(Number);
        const [low, high] = each.interval;
        const box = { x: middle - Math.min(28, step * 0.4), y: y(most), width: Math.min(56, step * 0.8), height: Math.max(3, y(least) - y(most)) };
        const text = `${sure(each.value)} sure: ${share(each.acceptance)} of ${each.decided} accepted, ${between(each.interval)}`;
        return [
          draw("g", "", {}, says(text), draw("rect", "expected", box), ...whisker(middle, y(low), middle, y(high), middle, y(each.acceptance))),
          label(`${Math.round(most * 100)}%`, "tick", middle, 212), label(number(each.decided), "tick", middle, 230),
        ];
      }),
      label("up to", "tick", LABELS - 6, 212, "end"), label("of", "tick", LABELS - 6, 230, "end"),
    ];
  });
  const key = el(
    "p", "key", el("span", "swatch point"), "accepted, with the interval that holds it with 95%", el("span", "swatch expected"), "as sure as it said",
  );
  return el("div", "list", key, drawn, asTable("How sure", rows, sure));
}

const sure = (value) => value.split(" to ").map((each) => share(Number(each))).join(" to ");

const undecided = () => el("p", "hint", "Nobody has decided about these answers yet: on the page ", link("/review", "Review"), " people do.");

/** The numbers of a drawing, for whoever wants them or cannot see it. */
function asTable(name, rows, said) {
  return el("details", "", el("summary", "", "As a table"), table(name, rows, said));
}

function table(name, rows, said = (value) => value) {
  const decided = rows.filter((each) => each.decided);
  if (!decided.length) return undecided();
  const head = [name, "Decided", "Accepted, with 95%", "Overruled"].map((text, at) => el("th", ["", "number", "rate", "number"][at], text));
  head.forEach((each) => (each.scope = "col"));
  const body = el("tbody", "", ...decided.slice(0, LISTED).map((each) => row(each, said)));
  const made = el("div", "wide", el("table", "", el("thead", "", el("tr", "", ...head)), body));
  if (decided.length <= LISTED) return made;
  const more = button("quiet", `Show all ${number(decided.length)}`, () => {
    body.append(...decided.slice(LISTED).map((each) => row(each, said)));
    body.rows[LISTED].cells[0].tabIndex = -1;
    body.rows[LISTED].cells[0].focus();
    more.remove();
  });
  return el("div", "list", made, el("p", "", more));
}

function row(each, said) {
  const name = el("th", "name", said(each.value) || "none named");
  name.scope = "row";
  return el(
    "tr", "", name, el("td", "number", number(each.decided)),
    el("td", "rate", el("b", "", share(each.acceptance)), el("span", "hint", ` ${between(each.interval)}`), bar(each.acceptance)),
    el("td", "number", share(each.override)),
  );
}

/** All figures as one table: a row for each value of each group. */
function rows() {
  const cells = (group, each) => [group, each.value, each.decided, ...ACTIONS.map((action) => each.actions[action]), each.acceptance, each.override, ...each.interval];
  const { sample: said } = told;
  return [
    cells("all", told.total), cells("named no category", told.abstained),
    ["sample of sure answers", "", said.decided, said.right, ...ACTIONS.slice(1).map(() => ""), said.precision, said.precision === null ? "" : 1 - said.precision, ...said.interval],
    ...["category", "confidence", "supplier", "day"].flatMap((group) => told[group].map((each) => cells(group, each))),
  ];
}

find("export").addEventListener("click", () => exported("figures.csv", HEAD, rows()));

/** Dates are asked for where a period of one's own is chosen. */
function dated() {
  find("dates").hidden = filters.period.value !== CHOSEN;
}

for (const name of ["period", "decision", "from", "to"]) {
  filters[name].addEventListener("change", () => {
    dated();
    load();
  });
}
let typed = null;
filters.supplier.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(load, TYPED);
});
const branchPicker = picker(find("branch"), (node) => {
  if (node?.id === branch?.id) return;
  branch = node;
  load();
});
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(() => {
  branch = null;
  branchPicker.clear();
  dated();
  load();
}));

dated();
load();
