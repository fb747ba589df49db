// The API tab: one language for all examples, kept for the next visit, and examples that run with the reader's session.
import { speak } from "/static/speak.js";

const ENDPOINT = "/v1/openai/chat/completions";
const languages = document.querySelector("[data-languages]");
const radios = [...languages.querySelectorAll("input")];

function choose(language) {
  for (const radio of radios) radio.checked = radio.value === language;
  for (const pre of document.querySelectorAll("[data-language]")) pre.hidden = pre.dataset.language !== language;
}

languages.hidden = false;
languages.addEventListener("change", (event) => {
  choose(event.target.value);
  try {
    localStorage.setItem("reckon-language", event.target.value);
  } catch {
    // Without storage the choice holds for this page.
  }
});
try {
  const kept = localStorage.getItem("reckon-language");
  if (radios.some((radio) => radio.value === kept)) choose(kept);
} catch {
  // curl stays.
}

async function run(button) {
  const sample = button.closest("[data-sample]");
  const answer = sample.querySelector("[data-answer]");
  button.disabled = true;
  answer.closest(".code").hidden = false;
  answer.textContent = "…";
  try {
    const response = await fetch(ENDPOINT, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: sample.dataset.body,
    });
    if (response.headers.get("content-type").startsWith("text/event-stream")) {
      answer.textContent = "";
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) answer.append(text);
    } else {
      answer.textContent = JSON.stringify(await response.json(), null, 4);
    }
    sample.querySelector("[data-origin]").textContent = response.ok ? "Given just now." : "Refused just now.";
    speak("The answer is there");
  } catch (error) {
    answer.textContent = String(error);
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("[data-run]")) button.addEventListener("click", () => run(button));
