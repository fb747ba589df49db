// Puts the reader's choice of colours on the page before it is painted. A classic script in the head, for that reason alone.
"use strict";
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("reckon-theme");
  } catch {
    // Storage may be switched off: the system's colours hold then.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
