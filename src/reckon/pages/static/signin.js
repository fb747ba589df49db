// Exchanges a link's secret, which stands behind the '#', for a session, and takes it out of the address before anything else.
const link = new URLSearchParams(location.hash.slice(1)).get("link");

if (link) {
  history.replaceState(null, "", location.pathname + location.search);
  const form = document.getElementById("signin");
  const body = new URLSearchParams({ link, next: form.elements.next.value });
  const answer = await fetch("/signin", { method: "POST", body, headers: { accept: "application/json" } });
  if (answer.ok) {
    location.replace(answer.redirected ? answer.url : "/");
  } else {
    const place = form.querySelector("[data-error]");
    place.textContent = (await answer.json()).error.message;
    place.hidden = false;
  }
}
