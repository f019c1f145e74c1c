// Elements in one expression, and words for names and numbers.

/** An element: `properties` are attributes, but for `class`, `on` (listeners) and `hidden`, `value` and the like, set as such. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "class") {
      element.className = value;
    } else if (name in element && !name.startsWith("aria") && name !== "list" && name !== "role") {
      element[name] = value;
    } else if (value !== undefined && value !== null) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** The element with the id `id`. */
export const byId = (id) => document.getElementById(id);

/** A label as people write it: `stop_sign` is a stop sign. */
export const words = (label) => label.replaceAll("_", " ");

const DIGITS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A number to three digits, small ones with a power of ten. */
export function amount(value) {
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-3 && magnitude < 1e5) return String(Number(value.toPrecision(3))).replace("-", "−");
  const [mantissa, exponent] = value.toExponential(2).split("e");
  const power = [...String(Number(exponent))].map((digit) => DIGITS[digit]).join("");
  return `${mantissa.replace("-", "−")} × 10${power}`;
}

/** A share as a percentage: whole from 10 % on, to one digit below. */
export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value >= 10 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
}

/** A whole number with thin spaces between thousands. */
export const whole = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** Seconds in words. */
export function seconds(value) {
  if (value < 1) return "a moment";
  return value < 90 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`;
}

/** Calls `work` once before the next frame, however often it is asked to. */
export function beforeFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/** Says `text` to whoever listens to the page instead of looking at it, and shows it for a while if nothing else does. */
export function announce(text, { shown = false } = {}) {
  const place = byId("announcement");
  place.textContent = text;
  place.classList.toggle("shown", shown);
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => place.classList.remove("shown"), 2500);
}
