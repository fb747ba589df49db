/** The Playground tab: reads the page's data, makes the parts and puts them where the template has room for them. */

import { Composer } from "./composer.js";
import { button, h } from "./dom.js";
import { Drawer } from "./drawer.js";
import { History } from "./history.js";
import { Panel } from "./panel.js";
import { Playground } from "./playground.js";
import { RawView } from "./raw.js";
import { openStore } from "./store.js";
import { Thread } from "./thread.js";

const data = JSON.parse(document.getElementById("page-data").textContent);
const place = (name) => document.querySelector(`[data-place="${name}"]`);

const playground = new Playground(data, await openStore());
const panel = new Panel(data.fields, () => playground.edited());
const composer = new Composer({
  send: (text) => playground.send(text),
  stop: () => playground.stop(),
  typed: () => playground.edited(),
  command: () => playground.command(),
});
const drawer = new Drawer(place("settings"), panel.element);
const history = new History({ open: (id) => playground.openKept(id), remove: (id) => playground.remove(id) });
const thread = new Thread(playground.acts, { model: data.model.split("/").at(-1) }, place("composer"));
const raw = new RawView();
const total = h("p", { class: "pg-total", title: "All answers of this conversation, hidden branches too" });
const notice = h("div", { class: "pg-notice", role: "status" });
const empty = welcome();
const create = button(["New ", h("span", { class: "pg-wide" }, "conversation")], () => playground.begin());

playground.attach({ panel, composer, drawer, history, thread, raw, total, notice, empty });
place("top").append(history.element, create, total, drawer.opener);
place("thread").append(empty, thread.element);
place("composer").append(notice, composer.element);
document.body.append(raw.element);

if (!data.runs) {
  panel.disable();
  composer.disable("This model does not run here");
}
if (!playground.store.lasts)
  notice.append(h("p", {}, "This browser keeps no data for this page: a conversation ends with it."));

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && playground.isRunning && !document.querySelector("dialog[open]")) playground.stop();
});

await playground.start();
document.documentElement.dataset.playground = "ready";

function welcome() {
  const prompts = data.prompts.map((prompt) =>
    h(
      "li",
      {},
      button(prompt, () => playground.send(prompt), { class: "pg-prompt", disabled: !data.runs }),
    ),
  );
  const about = data.runs ? "Ask something, or begin with one of these." : data.why;
  return h("div", { class: "pg-empty" }, h("p", {}, about), h("ul", {}, ...prompts));
}
