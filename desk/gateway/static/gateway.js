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
      told.textContent = (left < 0 ? area.dataset.over : area.dataset.left).replace("#", Math.abs(left));
    };
    area.addEventListener("input", tell);
    tell();
  };
  const prepare = () => document.querySelectorAll("textarea[data-limit]").forEach(count);

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
  const summary = document.querySelector(".summary");
  if (summary) summary.focus();
  if ("waiting" in main().dataset) setTimeout(look, 500);
})();
