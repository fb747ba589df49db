// copy(button, text): puts text on the clipboard and says so on the button and to screen readers.
import { speak } from "/static/speak.js";

export async function copy(button, text) {
  const label = button.dataset.label ?? (button.dataset.label = button.textContent);
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    older(text); // pages that came over plain http have no clipboard API
  }
  button.textContent = "Copied";
  speak("Copied");
  setTimeout(() => (button.textContent = label), 1500);
}

function older(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
