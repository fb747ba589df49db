// Narrows the list while the reader types; without it, the form asks the server.
const search = document.getElementById("search");
const none = document.querySelector("[data-none]");

search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const entry of document.querySelectorAll("[data-words]")) {
    entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
    shown += entry.hidden ? 0 : 1;
  }
  none.hidden = shown > 0;
});
