// Compose: costly characters and cuts are marked in place, on a layer behind the text. Without this file the
// preview shows them. What to mark comes with each quote; characters are marked while typing, cuts once it is there.
(() => {
  "use strict";
  const PIECE = /\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]/gu;
  const UNSEEN = /^[\p{Z}\p{C}\p{M}]$/u;
  const SPACE = /^\p{Z}$/u;

  const element = (name, kind, words = "") => {
    const made = document.createElement(name);
    made.className = kind;
    made.textContent = words;
    return made;
  };

  const layer = (text) => {
    const there = text.parentElement.querySelector(".mirror");
    if (there) return there;
    const made = element("div", "mirror form-control");
    made.setAttribute("aria-hidden", "true");
    text.before(made);
    text.classList.add("mirrored");
    text.addEventListener("scroll", () => { made.scrollTop = text.scrollTop; });
    return made;
  };

  const kindOf = (character, marks, isField) => {
    if (marks.offenders.includes(character)) return "offender";
    return !isField && marks.wide.includes(character) ? "wide" : "";
  };

  // Characters of one kind side by side stay in one run, or joined emoji would fall apart; each wide one is alone.
  const runs = (words, marks, cuts) => {
    const found = [];
    let place = 0;
    for (const [piece] of words.matchAll(PIECE)) {
      const isBrace = piece === "{{" || piece === "}}";
      const isField = piece.startsWith("{") && !isBrace;
      for (const character of isBrace ? [piece] : piece) {
        const kind = kindOf(character[0] === character[1] ? character[0] : character, marks, isField);
        const last = found.at(-1);
        const cut = cuts.has(place);
        if (!cut && last?.kind === kind && kind !== "wide") last.words += character;
        else found.push({ kind, cut, words: character });
        place += character.length;
      }
    }
    if (cuts.has(place)) found.push({ kind: "", cut: true, words: "" });
    return found;
  };

  const drawn = (words) => [...words].every((one) => UNSEEN.test(one)) && (SPACE.test(words[0]) ? "\u237d" : "\u25e6");

  const node = (run) => {
    if (!run.kind) return document.createTextNode(run.words);
    const made = element("mark", run.kind, run.words);
    if (run.kind === "offender" && drawn(run.words)) made.dataset.drawn = drawn(run.words);
    return made;
  };

  const paint = () => {
    const text = document.getElementById("text");
    if (!text) return;
    const given = document.getElementById("writing-marks")?.dataset ?? { offenders: "", wide: "", cuts: "" };
    const marks = { offenders: [...given.offenders], wide: [...given.wide] };
    const current = Number(given.units) === text.value.length && given.cuts;
    const cuts = new Set(current ? given.cuts.split(" ").map(Number) : []);
    const mirror = layer(text);
    mirror.replaceChildren(
      ...runs(text.value, marks, cuts).flatMap((run) => (run.cut ? [element("i", "cut"), node(run)] : [node(run)])),
      "\n",
    );
    mirror.scrollTop = text.scrollTop;
  };

  addEventListener("input", (event) => { if (event.target.id === "text") paint(); });
  addEventListener("htmx:after:swap", paint);
  paint();
})();
