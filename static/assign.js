// The assign page follows the fields as they are typed; the server's own figures follow a moment later.
(() => {
  const number = (text) => {
    const plain = text.trim().replace(/[\s,.'’\u00a0\u202f]/g, "");
    return /^[0-9]{1,16}$/.test(plain) ? Number(plain) : plain === "" ? 0 : NaN;
  };
  const fields = () => document.querySelectorAll("#assign-form input[data-was]");

  // What is unassigned when all the fields are saved, by the figures the page began with.
  const follow = () => {
    const output = document.getElementById("assign-unassigned");
    const form = document.getElementById("assign-form");
    if (!output || !form) return;
    let moved = 0;
    for (const field of fields()) {
      const changed = field.value.trim() !== field.dataset.was;
      field.classList.toggle("assign-changed", changed);
      const wanted = number(field.value);
      if (!Number.isNaN(wanted)) moved += wanted - number(field.dataset.was);
    }
    const left = Number(form.dataset.unassigned) - moved;
    output.textContent = new Intl.NumberFormat(document.documentElement.lang).format(left);
    output.classList.toggle("assign-short", left < 0);
  };

  const filter = () => {
    const box = document.getElementById("assign-filter");
    if (!box) return;
    const wanted = box.value.trim().toLowerCase();
    let shown = 0;
    for (const row of document.querySelectorAll(".assign-table tbody tr")) {
      row.hidden = wanted !== "" && !row.dataset.name.includes(wanted);
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById("assign-none").hidden = shown > 0;
  };

  document.addEventListener("input", (event) => {
    if (event.target.matches("#assign-form input[data-was]")) follow();
    if (event.target.id === "assign-filter") filter();
  });
  // Searching is done in the page, so that what was typed into other fields is not lost.
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[role=search]") && document.getElementById("assign-form")) event.preventDefault();
  });
  document.addEventListener("DOMContentLoaded", follow);
  document.addEventListener("htmx:after:swap", () => follow());
})();
