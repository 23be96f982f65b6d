// Draws the page anew when something changed, without losing what is typed or
// the button that is being pressed.
const parts = ["side", "messages", "overlay"];
let drawing = false, again = false, pressed = false;

async function redraw() {
  if (drawing || pressed) { again = true; return; }
  drawing = true;
  const answer = await fetch(location.href).catch(() => null);
  if (pressed) {
    again = true;
  } else if (answer && answer.ok) {
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of parts) replace(document.getElementById(id), fresh.getElementById(id));
    replace(document.querySelector("main > header"), fresh.querySelector("main > header"));
  }
  drawing = false;
  catchUp();
}

function catchUp() {
  if (again && !pressed) { again = false; redraw(); }
}

// A click needs its button to stay the same from press to release.
function press(down) {
  pressed = down;
  if (!down) setTimeout(catchUp);
}
addEventListener("pointerdown", () => press(true));
for (const end of ["pointerup", "pointercancel", "dragend", "blur"]) addEventListener(end, () => press(false));

function replace(shown, fresh) {
  if (!shown || !fresh || shown.dataset.drawn === fresh.innerHTML || (!shown.dataset.drawn && shown.innerHTML === fresh.innerHTML)) return;
  const typed = new Map([...shown.querySelectorAll("input:not([type=hidden]), textarea, select")].map((e) => [e.name, e.value]));
  const wasModal = shown.querySelector("[data-modal]"), focus = document.activeElement && document.activeElement.name;
  const atEnd = shown.scrollHeight - shown.scrollTop - shown.clientHeight < 80;
  const source = fresh.innerHTML;
  shown.innerHTML = source;
  shown.dataset.drawn = source;
  const isModal = shown.querySelector("[data-modal]");
  if (wasModal && isModal && wasModal.dataset.modal === isModal.dataset.modal) {
    for (const element of shown.querySelectorAll("input:not([type=hidden]), textarea, select")) {
      if (typed.has(element.name)) element.value = typed.get(element.name);
      if (element.name === focus) element.focus();
    }
  }
  if (shown.id === "messages" && atEnd) shown.scrollTop = shown.scrollHeight;
}

const list = document.getElementById("messages");
if (list) list.scrollTop = list.scrollHeight;
const acting = document.querySelector("[data-acting-as]");
document.addEventListener("change", (e) => { if (e.target.matches("[data-acting-as]")) e.target.form.submit(); });
new EventSource("/events").onmessage = redraw;
