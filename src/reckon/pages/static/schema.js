// The schema tabs: fold, unfold and copy the tree.
import { copy } from "/static/copy.js";

const section = document.querySelector("[data-schema]");
const schema = document.getElementById("schema").textContent; // as text: JavaScript's numbers would round a bound of seeds
const nodes = [...section.querySelectorAll("details")];

function button(name, act) {
  const element = section.querySelector(`[${name}]`);
  element.hidden = false;
  element.addEventListener("click", () => act(element));
}

button("data-unfold", () => nodes.forEach((node) => (node.open = true)));
button("data-fold", () => nodes.forEach((node, place) => (node.open = place === 0)));
button("data-copy-schema", (element) => copy(element, schema));
