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
  // Whose message is read stays chosen, even when a price asked for by typing overtakes the click.
  addEventListener("click", (event) => {
    const button = event.target.closest('button[name=do][value^="sample:"]');
    const sample = document.querySelector("#compose input[name=sample]");
    if (button && sample) sample.value = button.value.slice("sample:".length);
  }, true);
  // "Saved" is not said of what has just been typed, nor when an earlier text comes back saved.
  let changes = 0;
  let sent = 0;
  const pend = () => document.getElementById("saved-state")?.classList.add("pending");
  addEventListener("input", (event) => {
    if (!event.target.matches("#compose .live")) return;
    changes += 1;
    pend();
  });
  addEventListener("htmx:config:request", (event) => {
    if (event.detail.ctx.sourceElement.id === "saved") sent = changes;
  });
  addEventListener("htmx:after:swap", () => {
    if (sent < changes) pend();
  });
  // Touching the date means that it counts.
  addEventListener("input", (event) => {
    if (event.target.id !== "send_local" || !event.target.value) return;
    const at = document.querySelector("input[name=when][value=at]");
    if (at) at.checked = true;
  }, true);
})();
