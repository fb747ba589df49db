// speak(text): says something to screen readers, in the polite live region that every page has.
export function speak(text) {
  const place = document.getElementById("spoken");
  place.textContent = "";
  setTimeout(() => (place.textContent = text), 50);
}
