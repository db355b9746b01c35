// Compose: a field button puts its field where the cursor is. Without this file the server puts it at the end.
(() => {
  "use strict";
  addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    const text = document.getElementById("text");
    if (!button || !text) return;
    event.preventDefault();
    text.setRangeText(button.dataset.insert, text.selectionStart, text.selectionEnd, "end");
    text.focus();
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });
  // Touching the date means that it counts.
  addEventListener("input", (event) => {
    if (event.target.id !== "send_local" || !event.target.value) return;
    const at = document.querySelector("input[name=when][value=at]");
    if (at) at.checked = true;
  }, true);
})();
