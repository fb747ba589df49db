// What every page has: the switch of colours, copy buttons, and forms that are sent without leaving the page.
import { copy } from "/static/copy.js";
import { speak } from "/static/speak.js";

const root = document.documentElement;

const toggle = document.querySelector("[data-theme-toggle]");
const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : darkSystem.matches);
const nameToggle = () => {
  toggle.querySelector("[data-theme-name]").textContent = dark() ? "Use light colours" : "Use dark colours";
};
toggle.hidden = false;
nameToggle();
darkSystem.addEventListener("change", nameToggle);
toggle.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  try {
    localStorage.setItem("reckon-theme", root.dataset.theme);
  } catch {
    // Without storage the choice holds for this page.
  }
  nameToggle();
});

// On a narrow screen the tabs scroll; the current one is brought into view.
const tabs = document.querySelector(".tabs");
const tab = tabs?.querySelector("[aria-current]");
if (tab) tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;

// A copy button stands in a .code beside the <pre> whose text it takes.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button, button.closest(".code").querySelector("pre:not([hidden])").textContent);
});

// A form with data-post is sent by fetch, which tells the server where the request comes from on plain http too.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-post]")) return;
  event.preventDefault();
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: { accept: "application/json" },
  });
  if (answer.ok) {
    location.assign(answer.redirected ? answer.url : "/");
    return;
  }
  const told = await answer.json();
  const place = form.querySelector("[data-error]");
  if (place) {
    place.textContent = told.error.message;
    place.hidden = false;
  }
  speak(told.error.message);
});
