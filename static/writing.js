// Compose: costly characters and cuts are marked in place, on a layer behind the text. Without this file the
// preview shows them and the offers stand under the text. What to mark comes with each quote; characters are marked while typing, cuts once it is there.
(() => {
  "use strict";
  const PIECE = /\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]/gu;
  const UNSEEN = /^[\p{Z}\p{C}\p{M}]$/u;
  const SPACE = /^\p{Z}$/u;
  const EMOJI = /\p{Extended_Pictographic}/u;

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

  // A mark that the cursor touches shows its offer beside it: the sentence under the text, and its button. It
  // stands right after the text, so that Tab goes there; its button presses the one under the text.
  const offerOf = (character) =>
    [...document.querySelectorAll("#savings-list [data-replaces]")].find((one) => one.dataset.replaces === character) ??
    (EMOJI.test(character) ? document.getElementById("saving-emoji")?.closest("li") : undefined);

  const touched = (mirror, cursor) => {
    let place = 0;
    for (const one of mirror.childNodes) {
      const end = place + one.textContent.length;
      if (one.className === "offender" && place <= cursor && cursor <= end) {
        const [before, after] = [[...one.textContent.slice(0, cursor - place)].at(-1), [...one.textContent.slice(cursor - place)][0]];
        return { mark: one, character: after ?? before };
      }
      place = end;
    }
    return null;
  };

  const beside = (offer, mark, mirror) => {
    const made = element("div", "beside");
    const button = offer.querySelector("button");
    const press = element("button", button.className, button.textContent);
    press.type = "button";
    press.addEventListener("click", () => { button.click(); document.getElementById("text").focus(); });
    made.append(element("span", "", offer.querySelector("span").textContent), press);
    made.style.top = `${mark.offsetTop + mark.offsetHeight - mirror.scrollTop}px`;
    return made;
  };

  const hide = () => document.querySelector(".beside")?.remove();

  const show = () => {
    const text = document.getElementById("text");
    hide();
    if (document.activeElement !== text || text.selectionStart !== text.selectionEnd) return;
    const mirror = layer(text);
    const found = touched(mirror, text.selectionStart);
    const offer = found && offerOf(found.character);
    if (offer) text.after(beside(offer, found.mark, mirror));
  };

  addEventListener("input", (event) => { if (event.target.id === "text") { hide(); paint(); } });
  addEventListener("click", (event) => {
    if (event.target.id === "text") show();
    else if (!event.target.closest(".beside")) hide();
  });
  addEventListener("keyup", (event) => {
    if (event.target.id === "text" && event.key.startsWith("Arrow")) show();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !document.querySelector(".beside")) return;
    hide();
    document.getElementById("text").focus();
  });
  addEventListener("htmx:after:swap", paint);
  paint();
})();
