// Before the first paint: "system" follows the browser's preference, now and when it changes.
(() => {
  const root = document.documentElement;
  if (root.dataset.theme !== "system") return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  follow();
  dark.addEventListener("change", follow);
})();
