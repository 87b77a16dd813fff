// A page that is read alone: its players with their waveforms, and times in answers that play.
// Without this script the browser's own players are there. Everything it says is in the page.
"use strict";

const BAR = 3; // px from one bar to the next
const MOMENT = 2; // seconds played from a time that ends nothing
let until = null; // where a stretch ends, while one is played

const made = (name, className) => Object.assign(document.createElement(name), { className });
const clock = seconds => {
  const whole = Math.floor(seconds), two = number => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
};

async function bytes(address) {
  if (address.startsWith("data:")) return Uint8Array.from(atob(address.split(",")[1]), letter => letter.charCodeAt(0));
  const answer = await fetch(address);
  return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
}

class Player {
  constructor(figure) {
    this.figure = figure;
    this.audio = figure.querySelector("audio");
    this.seconds = Number(figure.dataset.seconds);
    this.button = made("button", "play");
    this.button.type = "button";
    this.button.setAttribute("aria-label", figure.dataset.play);
    this.wave = made("div", "wave");
    this.canvas = made("canvas", "");
    this.place = Object.assign(made("input", ""), { type: "range", min: 0, max: 1000, value: 0 });
    this.place.setAttribute("aria-label", figure.dataset.position);
    this.time = Object.assign(made("time", ""), { textContent: clock(Math.round(this.seconds)) });
    this.wave.append(this.canvas, this.place);
    this.audio.controls = false;
    this.audio.before(this.button, this.wave, this.time);
    figure.classList.add("live");
    this.button.onclick = () => this.toggle();
    this.place.oninput = () => this.seek((this.place.value / 1000) * this.seconds);
    for (const type of ["play", "pause", "ended", "timeupdate", "seeked"]) this.audio.addEventListener(type, () => this.moved(type));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    new IntersectionObserver((entries, watch) => {
      if (!entries.some(entry => entry.isIntersecting)) return;
      watch.disconnect();
      this.load();
    }).observe(figure);
  }

  async load() {
    this.peaks = this.figure.dataset.wave ? await bytes(this.figure.dataset.wave).catch(() => null) : null;
    this.draw();
  }

  toggle() {
    if (!this.audio.paused) return this.audio.pause();
    this.mean(null);
    this.audio.play();
  }

  seek(seconds) {
    this.mean(null);
    this.audio.currentTime = seconds;
    this.moved("seeked");
  }

  playStretch(from, to) {
    this.audio.currentTime = from;
    this.mean({ from, to });
    this.audio.play();
    this.figure.scrollIntoView({ block: "nearest" });
  }

  mean(stretch) {
    this.stretch = stretch;
    until = stretch && { player: this, to: stretch.to };
    this.draw();
  }

  moved(type) {
    this.figure.classList.toggle("playing", !this.audio.paused);
    if (type === "play") {
      for (const other of players.values()) if (other !== this) other.audio.pause();
      requestAnimationFrame(() => this.follow());
    }
    const at = this.audio.ended ? 0 : this.audio.currentTime;
    this.place.value = (1000 * at) / this.seconds;
    this.time.textContent = clock(at || Math.round(this.seconds));
    this.draw();
  }

  follow() {
    if (until?.player === this && this.audio.currentTime >= until.to) {
      this.audio.pause();
      this.audio.currentTime = until.to;
      until = null;
    }
    this.moved("");
    if (!this.audio.paused) requestAnimationFrame(() => this.follow());
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas, scale = devicePixelRatio || 1;
    if (!width) return;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const pen = this.canvas.getContext("2d");
    const { color: heard, caretColor: rest, textDecorationColor: meant } = getComputedStyle(this.canvas);
    pen.scale(scale, scale);
    if (this.stretch) {
      const [from, to] = [this.stretch.from, this.stretch.to].map(time => (width * time) / this.seconds);
      pen.fillStyle = meant;
      pen.fillRect(from, 0, Math.max(2, to - from), height);
    }
    const at = (width * this.audio.currentTime) / this.seconds, n = Math.floor(width / BAR);
    for (let i = 0; i < n; i++) {
      const tall = Math.max(2, (loudest(this.peaks, i / n, (i + 1) / n) / 255) * height);
      pen.fillStyle = i * BAR < at ? heard : rest;
      pen.fillRect(i * BAR, (height - tall) / 2, BAR - 1, tall);
    }
  }
}

function loudest(peaks, from, to) {
  if (!peaks?.length) return 0;
  return Math.max(...peaks.subarray(Math.floor(from * peaks.length), Math.max(1, Math.ceil(to * peaks.length))));
}

const players = new Map([...document.querySelectorAll("figure.clip")].map(figure => [figure.querySelector("audio").id, new Player(figure)]));

for (const chip of document.querySelectorAll("button.mark")) {
  const player = players.get(`clip-${chip.dataset.digest}`), from = Number(chip.dataset.start);
  const to = chip.dataset.end ? Number(chip.dataset.end) : from + MOMENT;
  if (player) chip.onclick = () => player.playStretch(from, Math.min(to, player.seconds));
}

// What was heard of a clip: sentences and words that play, languages by their names.
for (const fold of document.querySelectorAll("figure.clip .heard")) {
  const player = players.get(fold.closest("figure").querySelector("audio").id);
  fold.onclick = event => {
    const said = event.target.closest("[data-start]");
    if (said) player.playStretch(Number(said.dataset.start), Math.min(Number(said.dataset.end), player.seconds));
  };
}
const languages = new Intl.DisplayNames([document.documentElement.lang], { type: "language" });
for (const one of document.querySelectorAll("[data-language]")) {
  try {
    one.textContent = languages.of(one.dataset.language);
  } catch {} // it is no code
}

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => players.forEach(player => player.draw()));

// Of a page that was shared: going on with a copy of it.
const going = document.querySelector("button.continue");
if (going) going.onclick = async () => {
  const said = document.querySelector("p.said");
  going.disabled = true;
  try {
    const answer = await fetch(going.dataset.address, { method: "POST", headers: { "x-earshot": "page" } });
    const { conversation, sentence, login } = await answer.json();
    if (conversation) return void (location.href = `${going.dataset.page}?c=${conversation}`);
    document.querySelector("a.login").hidden = !login;
    said.textContent = sentence || "";
  } catch {
    said.textContent = going.dataset.silent;
  }
  going.disabled = false;
};
