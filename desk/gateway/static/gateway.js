// Comfort only: every page works without this file.
(() => {
  "use strict";

  // How many characters are left, counted as the desk counts them.
  const count = (area) => {
    const told = document.createElement("p");
    told.className = "hint count";
    area.after(told);
    const tell = () => {
      const left = Number(area.dataset.limit) - Array.from(area.value.trim()).length;
      const near = left < Number(area.dataset.limit) / 10;
      told.hidden = !near;
      told.classList.toggle("over", left < 0);
      const words = (left < 0 ? "over" : "left") + (Math.abs(left) === 1 ? "One" : "");
      told.textContent = area.dataset[words].replace("#", Math.abs(left));
    };
    area.addEventListener("input", tell);
    tell();
  };
  const prepare = () => document.querySelectorAll("textarea[data-limit]").forEach(count);

  // While a complaint is typed, show what may already answer it. Then nothing has to be shown before it is sent.
  const suggest = (place) => {
    const form = place.closest("form");
    const area = form.elements.text;
    let timer, asked = "", shown = "", running;
    form.elements.suggest?.remove();
    const ask = async () => {
      const text = area.value.trim();
      if (text === asked) return;
      asked = text;
      running?.abort();
      if (text.split(/\s+/).length < 3) {
        shown = "";
        place.replaceChildren();
        return;
      }
      running = new AbortController();
      try {
        const answer = await fetch(place.dataset.ask, {
          method: "POST",
          body: new URLSearchParams({ text }),
          signal: running.signal,
        });
        if (answer.ok) {
          const found = await answer.text();
          if (found === shown) return; // or a screen reader would say it all again
          shown = found;
          const piece = new DOMParser().parseFromString(found, "text/html");
          place.replaceChildren(...[...piece.body.childNodes].map((node) => document.adoptNode(node)));
        } else {
          area.removeEventListener("input", soon); // asked too often, or the desk is away: sending matters more
        }
      } catch {
        // A newer question took this one's place, or the desk is away.
      }
    };
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(ask, 600);
    };
    area.addEventListener("input", soon);
    if (!document.querySelector(".unsent")) ask();
  };

  // While the acknowledgement is awaited, look again and put the new page in place of the old one.
  const main = () => document.querySelector("main");
  const look = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("main");
        if (fresh && !("waiting" in fresh.dataset)) {
          main().replaceWith(document.adoptNode(fresh));
          prepare();
          return;
        }
      }
    } catch {
      // The desk may be away for a moment; the next look will tell.
    }
    setTimeout(look, 1000);
  };

  prepare();
  document.querySelectorAll(".suggested").forEach(suggest);
  const summary = document.querySelector(".summary");
  if (summary) summary.focus();
  if ("waiting" in main().dataset) setTimeout(look, 500);
})();
