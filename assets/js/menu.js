// A menu that a button opens: by mouse, by touch, by keyboard.

import { $$, made } from "./dom.js";

let close = () => {};

/** Shows entries at a button: { label, sign, does, checked, more: [entries], danger }. */
export function popup(button, entries) {
  close();
  const menu = made('<div class="popup" role="menu"></div>');
  menu.append(...entries.map(entry => item(button, entry)));
  document.body.append(menu);
  place(menu, button.getBoundingClientRect());
  button.setAttribute("aria-expanded", true);
  close = focusAgain => {
    close = () => {};
    menu.remove();
    button.setAttribute("aria-expanded", false);
    removeEventListener("pointerdown", outside, true);
    removeEventListener("resize", gone);
    if (focusAgain) button.focus();
  };
  const gone = () => close();
  const outside = event => menu.contains(event.target) || button.contains(event.target) || close();
  addEventListener("pointerdown", outside, true);
  addEventListener("resize", gone);
  menu.onkeydown = event => keys(event, $$("[role^=menuitem]", menu));
  menu.firstElementChild.focus();
}

export const isOpen = () => !!document.querySelector(".popup");

function item(button, entry) {
  const one = made('<button type="button" role="menuitem" tabindex="-1"><i></i><span></span></button>');
  one.lastElementChild.textContent = entry.label;
  one.firstElementChild.className = entry.sign || "";
  one.classList.toggle("danger", !!entry.danger);
  if (entry.more) one.setAttribute("aria-haspopup", "menu");
  one.onclick = () => {
    if (entry.more) return popup(button, entry.more);
    close(true);
    entry.does();
  };
  return one;
}

function keys(event, items) {
  const at = items.indexOf(document.activeElement);
  const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  if (event.key in steps) items.at(steps[event.key] % items.length).focus();
  else if (event.key === "Escape" || event.key === "Tab") close(true);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function place(menu, at) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + height + 8 < innerHeight;
  menu.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - height - 4)}px`;
}
