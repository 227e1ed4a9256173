"use strict";
// Niceties only: everything can be read without this script. An attention map's opacity is 255 sqrt(weight), so the picture is read back as numbers.
document.documentElement.classList.add("scripted");
for (const box of document.querySelectorAll(".attention")) {
  const map = box.querySelector(".labeled img"), readout = box.querySelector(".readout");
  const across = [...box.querySelectorAll(".across span")], down = [...box.querySelectorAll(".down span")];
  const percent = (x) => (x >= 0.0995 ? (100 * x).toFixed(0) : (100 * x).toFixed(1)) + " %";
  let weights = null;
  const read = () => {
    const canvas = document.createElement("canvas"), n = canvas.width = across.length, rows = canvas.height = down.length;
    const context = canvas.getContext("2d");
    context.drawImage(map, 0, 0);
    weights = Array.from(context.getImageData(0, 0, n, rows).data.filter((_, i) => i % 4 === 3), (a) => (a / 255) ** 2);
  };
  map.addEventListener("load", read);
  if (map.complete) read();
  const point = (event) => {
    const n = across.length, place = map.getBoundingClientRect();
    const at = (x, most) => Math.min(most - 1, Math.max(0, Math.floor(x * most)));
    const s = at((event.clientX - place.left) / place.width, n), t = at((event.clientY - place.top) / place.height, down.length);
    const row = weights.slice(t * n, (t + 1) * n);
    across.forEach((span, i) => span.classList.toggle("on", i === s));
    down.forEach((span, i) => span.classList.toggle("on", i === t));
    const most = row.map((w, i) => [w, i]).sort((a, b) => b[0] - a[0]).slice(0, 3).filter(([w]) => w > 0.005);
    readout.textContent = `${down[t].textContent} (${t + 1}) gives ${across[s].textContent} (${s + 1}) ${percent(row[s])}. `
      + "Most goes to " + most.map(([w, i]) => `${across[i].textContent} (${i + 1}) ${percent(w)}`).join(", ") + ".";
  };
  map.addEventListener("pointermove", point);
  map.addEventListener("pointerdown", point);
  for (const head of box.querySelectorAll(".head")) {
    head.addEventListener("click", () => {
      box.querySelector('.head[aria-pressed="true"]').removeAttribute("aria-pressed");
      head.setAttribute("aria-pressed", "true");
      map.src = head.querySelector("img").src;
      box.querySelector(".at-layer").textContent = head.dataset.layer;
      box.querySelector(".at-head").textContent = head.dataset.head;
      readout.textContent = "";
    });
  }
}
