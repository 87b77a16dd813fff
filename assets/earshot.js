// What the page does by itself: recording, attaching, sending, playing, and where one is.
// The server renders everything that is said; see app/render.py.
"use strict";
const earshot = (() => {
  const LONGEST = 60 * 60; // seconds of one recording: the browser holds it in memory
  const $ = (selector, root = document) => root.querySelector(selector);

  // Where one is: the conversation's id is in the address, so that a reload finds it again.

  const current = () => new URLSearchParams(location.search).get("c") || "";
  let look = () => {};

  function open(id, push = true) {
    const shown = Number($("#list ul")?.dataset.shown || 0);
    if (push && id !== current()) history.pushState(null, "", id ? `?c=${id}` : location.pathname);
    document.body.classList.remove("listing");
    look({ conversation: id, shown });
  }

  // Recording, as it sounds: what browsers do to speech ruins music, birds and machines.

  const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
    block = new Float32Array(1024); at = 0; // 21 ms at 48 kHz
    process([[samples]]) {
      if (!samples) return true;
      this.block.set(samples, this.at);
      this.at += samples.length; // 128 at a time
      if (this.at === 1024) { this.port.postMessage(this.block); this.at = 0; }
      return true;
    } });`;

  async function microphone() {
    if (!navigator.mediaDevices)
      throw new Error("Browsers allow the microphone on this machine or over https only.");
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: RAW });
    } catch (error) {
      throw new Error(
        error.name === "NotFoundError"
          ? "There is no microphone here: connect one, then press Record again."
          : error.name === "NotAllowedError"
            ? "The microphone is not allowed: allow it beside the address, then press Record again."
            : `The microphone cannot be used: ${error.message}`,
      );
    }
  }

  async function record(heard) {
    const stream = await microphone();
    const context = new AudioContext();
    const address = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
    await context.audioWorklet.addModule(address);
    URL.revokeObjectURL(address);
    const tap = new AudioWorkletNode(context, "tap", { channelCount: 1, channelCountMode: "explicit" });
    const chunks = [];
    let length = 0;
    tap.port.onmessage = ({ data }) => {
      chunks.push(Int16Array.from(data, x => Math.max(-1, Math.min(1, x)) * 32767));
      length += data.length;
      heard(length / context.sampleRate, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length));
    };
    context.createMediaStreamSource(stream).connect(tap);
    return async () => {
      stream.getTracks().forEach(track => track.stop());
      await context.close();
      return wav(chunks, length, context.sampleRate);
    };
  }

  function wav(chunks, length, rate) {
    const header = new DataView(new ArrayBuffer(44));
    const put = (at, text) => [...text].forEach((c, i) => header.setUint8(at + i, c.charCodeAt(0)));
    put(0, "RIFF"), header.setUint32(4, 36 + 2 * length, true), put(8, "WAVEfmt ");
    header.setUint32(16, 16, true), header.setUint16(20, 1, true), header.setUint16(22, 1, true);
    header.setUint32(24, rate, true), header.setUint32(28, 2 * rate, true);
    header.setUint16(32, 2, true), header.setUint16(34, 16, true);
    put(36, "data"), header.setUint32(40, 2 * length, true);
    return new Blob([header, ...chunks], { type: "audio/wav" });
  }

  // Players: one sound at a time.

  const clock = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  function player(name, digest, seconds) {
    const figure = document.createElement("figure");
    figure.className = "clip";
    figure.innerHTML = `<button type="button" class="play" aria-label="Play"></button><figcaption><span></span></figcaption>
      <input type="range" min="0" max="1000" value="0" aria-label="Position"><time></time><audio preload="none"></audio>`;
    $("figcaption span", figure).textContent = figure.title = name;
    $("time", figure).textContent = clock(Math.round(seconds));
    $("audio", figure).src = `earshot/clips/${digest}`;
    return figure;
  }

  function playing(event) {
    const figure = event.target.closest("figure.clip");
    const audio = event.target;
    figure.classList.toggle("playing", !audio.paused);
    if (event.type === "play")
      document.querySelectorAll("audio").forEach(other => other !== audio && other.pause());
    if (audio.duration) {
      $("input", figure).value = (1000 * audio.currentTime) / audio.duration;
      $("input", figure).style.setProperty("--done", `${(100 * audio.currentTime) / audio.duration}%`);
      $("time", figure).textContent = clock(audio.ended ? audio.duration : audio.currentTime || audio.duration);
    }
  }
  for (const type of ["play", "pause", "ended", "timeupdate"])
    document.addEventListener(type, playing, true); // media events do not bubble

  document.addEventListener("click", event => {
    const play = event.target.closest?.("figure.clip .play");
    if (!play) return;
    const audio = $("audio", play.closest("figure"));
    if (audio.paused) audio.play();
    else audio.pause();
  });
  document.addEventListener("input", event => {
    const audio = event.target.closest?.("figure.clip")?.querySelector("audio");
    if (!audio) return;
    const go = () => (audio.currentTime = (event.target.value / 1000) * audio.duration);
    if (audio.duration) return go();
    audio.addEventListener("loadedmetadata", go, { once: true });
    audio.preload = "metadata";
    audio.load();
  });

  // The composer, and everything that is pressed.

  function start(element, server, trigger) {
    look = trigger;
    const form = $("form", element), text = $("textarea", form), attached = $(".attached", form);
    const recordButton = $(".record", form), files = $("input[type=file]", form);
    let finish = null; // ends the recording that is going on
    let isSending = false;

    function trouble(sentence) {
      $(".trouble", form).textContent = sentence;
      $(".trouble", form).hidden = !sentence;
    }
    const told = async work => {
      try {
        trouble("");
        return await work();
      } catch (error) {
        trouble(error.message);
      }
    };
    async function call(name, value) {
      let done;
      try {
        done = await server[name](value);
      } catch {
        throw new Error("Earshot does not answer. Is it still running? What you wrote is still here.");
      }
      if (done.sentence) throw new Error(done.sentence);
      return done;
    }

    async function attach(blob, name) {
      const item = document.createElement("li");
      item.className = "loading";
      item.textContent = `Reading ${name} …`;
      attached.append(item);
      update();
      try {
        const sent = await fetch(`earshot/clips?name=${encodeURIComponent(name)}`, {
          method: "POST", body: blob, headers: { "x-earshot": "page" },
        }).catch(() => { throw new Error("Earshot does not answer. Is it still running?"); });
        const clip = await sent.json();
        if (!sent.ok) throw new Error(clip.sentence);
        const remove = document.createElement("button");
        remove.type = "button";
        remove.className = "remove";
        remove.setAttribute("aria-label", `Remove ${name}`);
        remove.onclick = () => { item.remove(); update(); text.focus(); };
        item.className = "";
        item.dataset.digest = clip.digest;
        item.dataset.name = clip.name;
        item.replaceChildren(player(clip.name, clip.digest, clip.seconds), remove);
      } catch (error) {
        item.remove();
        trouble(error.message);
      }
      update();
    }

    async function toggleRecording() {
      if (finish) {
        const ended = finish;
        finish = null;
        update();
        const name = `Recording ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`;
        return attach(await ended(), name);
      }
      recordButton.disabled = true;
      try {
        finish = await record((seconds, loudness) => {
          $(".recorded", form).textContent = clock(seconds);
          $(".level i", form).style.width = `${Math.min(100, 130 * Math.sqrt(loudness))}%`;
          if (seconds > LONGEST && finish) told(toggleRecording);
        });
      } finally {
        recordButton.disabled = false;
        update();
      }
    }

    async function send() {
      if (finish) await toggleRecording();
      const items = [...attached.children];
      if (isSending || isWriting() || items.some(item => item.className === "loading")) return;
      const clips = items.map(item => ({ ...item.dataset }));
      if (!clips.length && !text.value.trim()) return text.focus();
      isSending = true;
      update();
      try {
        const { conversation } = await call("ask", { conversation: current(), text: text.value, clips });
        text.value = "";
        attached.replaceChildren();
        follow = true;
        open(conversation);
      } finally {
        isSending = false;
        update();
      }
    }

    const isWriting = () => !!$('#newest [data-status="writing"]');

    function update() {
      const writing = isWriting();
      form.classList.toggle("recording", !!finish);
      $("span", recordButton).textContent = finish ? "Finish" : "Record";
      $(".recorded", form).hidden = $(".level", form).hidden = !finish;
      $(".stop", form).hidden = !writing;
      $(".send", form).hidden = writing;
      const isEmpty = !text.value.trim() && !attached.children.length && !finish;
      $(".send", form).disabled = isEmpty || isSending || !!$(".loading", attached);
      text.style.height = "auto";
      text.style.height = `${Math.min(text.scrollHeight, 220)}px`;
      document.body.style.setProperty("--composer", `${element.offsetHeight}px`);
    }

    // One stays at the end of a growing answer, unless one has scrolled away from it.
    let follow = true;
    addEventListener("scroll", () => {
      follow = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
    }, { passive: true });
    let shown;
    const seen = new MutationObserver(() => {
      const now = $("#shown [data-conversation]")?.dataset.conversation;
      if (now !== shown) follow = true;
      shown = now;
      update();
      if (follow) scrollTo(0, document.documentElement.scrollHeight);
    });
    for (const place of ["#shown", "#newest"])
      seen.observe($(place), { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["data-status", "data-conversation"] });

    form.onsubmit = event => { event.preventDefault(); told(send); };
    text.oninput = update;
    text.onkeydown = event => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        told(send);
      }
    };
    recordButton.onclick = () => told(toggleRecording);
    $(".attach", form).onclick = () => files.click();
    files.onchange = () => {
      trouble("");
      for (const file of files.files) attach(file, file.name);
      files.value = "";
    };
    $(".stop", form).onclick = () => told(() => call("stop", current()));

    const dropped = event => [...(event.clipboardData || event.dataTransfer).files];
    addEventListener("paste", event => {
      for (const file of dropped(event)) attach(file, file.name), event.preventDefault();
    });
    addEventListener("dragover", event => { event.preventDefault(); document.body.classList.add("dragging"); });
    addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
    addEventListener("drop", event => {
      event.preventDefault();
      document.body.classList.remove("dragging");
      trouble("");
      for (const file of dropped(event)) attach(file, file.name);
    });

    document.addEventListener("click", event => {
      const hit = selector => event.target.closest(selector);
      const link = hit("#list a, #brand a");
      if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
        event.preventDefault();
        trouble("");
        open(new URL(link.href).searchParams.get("c") || "");
        if (link.matches(".new")) text.focus();
      } else if (hit(".example")) {
        text.value = hit(".example").textContent;
        update();
        text.focus();
      } else if (hit(".older")) {
        look({ conversation: current(), shown: Number($("#list ul").dataset.shown) + 60 });
      } else if (hit(".menu")) {
        const isOpen = document.body.classList.toggle("listing");
        $(".menu").setAttribute("aria-expanded", isOpen);
      } else if (hit(".forget")) {
        forget(hit(".item"));
      } else if (!hit("#list, #brand")) {
        document.body.classList.remove("listing");
      }
    });

    function forget(item) {
      if (!item.classList.contains("asking")) {
        document.querySelectorAll(".item.asking").forEach(other => other.classList.remove("asking"));
        item.classList.add("asking"); // the next press means it
        setTimeout(() => item.classList.remove("asking"), 4000);
        return;
      }
      const id = new URL($("a", item).href).searchParams.get("c");
      told(async () => {
        await call("forget", id);
        item.classList.remove("asking");
        open(id === current() ? "" : current());
      });
    }

    addEventListener("popstate", () => open(current(), false));
    // Another tab may have gone on, the machine may have slept, the server may have been restarted.
    document.addEventListener("visibilitychange", () => { if (!document.hidden) open(current(), false); });
    update();
    if (matchMedia("(hover: hover)").matches) text.focus();
  }

  return { start };
})();
