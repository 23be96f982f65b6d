// Draws the living part of a panel anew every second, but never under a finger:
// a click needs its button to stay the same from press to release.
let pressed = false;
addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel", "dragend", "blur"]) addEventListener(end, () => { pressed = false; });

setInterval(async () => {
  const answer = await fetch(location.pathname).catch(() => null);
  if (!answer || !answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live"), shown = document.getElementById("live");
  if (!pressed && fresh && shown && fresh.innerHTML !== shown.innerHTML) shown.innerHTML = fresh.innerHTML;
}, 1000);
