// What every page adds to its HTML when JavaScript is there. Nothing works only through this file.
(() => {
  "use strict";

  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Small cards close by Escape and by a click elsewhere.
  const close = (details) => {
    if (!details.open) return;
    const within = details.contains(document.activeElement);
    details.open = false;
    if (within) details.querySelector("summary").focus();
  };
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $$("details.drop[open]").forEach(close);
    if (location.hash === "#menu") closeMenu();
  });
  addEventListener("click", (event) => {
    $$("details.drop[open]").filter((one) => !one.contains(event.target)).forEach((one) => { one.open = false; });
  });

  // On a phone the menu is the side bar, shown by its address; closing it takes the address back.
  const closeMenu = () => {
    location.replace(location.pathname + location.search + "#content");
    document.querySelector(".top-menu")?.focus();
  };
  addEventListener("click", (event) => {
    if (location.hash === "#menu" && !event.target.closest("#menu, .top-menu, a")) closeMenu();
  });
  const menuChanged = () => {
    if (location.hash === "#menu") document.querySelector(".side-close")?.focus();
  };
  addEventListener("hashchange", menuChanged);

  // A figure that has changed is marked for a second: every element with data-figure, by its id.
  const figures = new Map();
  const remember = () => $$("[data-figure]").forEach((one) => figures.set(one.dataset.figure, one.textContent));
  const mark = () => $$("[data-figure]").forEach((one) => {
    const before = figures.get(one.dataset.figure);
    if (before === undefined || before === one.textContent) return;
    one.classList.remove("changed");
    void one.offsetWidth;
    one.classList.add("changed");
  });
  addEventListener("htmx:before:swap", remember);
  addEventListener("htmx:after:swap", () => { mark(); pruneMessages(); });

  // Words of success go when they have been read; errors and links stay.
  const READ_MS = 12000;
  const pruneMessages = () => $$('[data-message="success"]').forEach((message) => {
    if (message.dataset.leaving) return;
    message.dataset.leaving = "yes";
    setTimeout(() => message.remove(), READ_MS);
  });

  // Says something to a screen reader without moving anybody.
  const say = (words) => {
    const live = document.getElementById("live");
    if (live) { live.textContent = ""; setTimeout(() => { live.textContent = words; }, 50); }
  };
  window.house = { say };

  // The server could not be reached at all: say so where the messages are.
  addEventListener("htmx:error", (event) => {
    const context = event.detail?.ctx;
    if (!context || context.response || document.querySelector("[data-message=offline]")) return;
    if (context.request?.method === "GET" && !event.detail.error) return;
    const words = document.body.dataset.offline;
    if (!words) return;
    const box = document.createElement("div");
    box.className = "alert alert-warning";
    box.dataset.message = "offline";
    box.textContent = words;
    document.getElementById("messages")?.append(box);
  });
  addEventListener("htmx:before:response", () => document.querySelector("[data-message=offline]")?.remove());

  // A field that must be mended gets the focus when the answer comes.
  addEventListener("htmx:after:swap", (event) => {
    if (event.detail?.ctx?.response?.status !== 422) return;
    const wrong = document.querySelector("[aria-invalid=true]");
    if (wrong && !wrong.contains(document.activeElement)) wrong.focus();
  });

  // A form is sent once, however fast somebody clicks; a button that may take long says that it is at work.
  addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented || form.matches("[hx-post]:not([hx-trigger])")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (!button?.dataset.working) return;
    button.dataset.idle = button.textContent;
    button.textContent = button.dataset.working;
    button.setAttribute("aria-busy", "true");
    say(button.dataset.working);
  });
  addEventListener("pageshow", () => {
    $$("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
    $$("[data-idle]").forEach((button) => {
      button.textContent = button.dataset.idle;
      button.removeAttribute("aria-busy");
      delete button.dataset.idle;
    });
  });

  // A link that was handed out is selected whole when it is entered.
  addEventListener("focusin", (event) => {
    if (event.target.matches?.("input[readonly]")) event.target.select();
  });

  pruneMessages();
  menuChanged();
})();
