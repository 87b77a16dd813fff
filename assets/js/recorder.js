// Recording, as it sounds: what browsers do to speech ruins music, birds and machines.

import { t } from "./i18n.js";

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
  if (!navigator.mediaDevices) throw new Error(t("trouble.microphone.insecure"));
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: RAW });
  } catch (error) {
    if (error.name === "NotFoundError") throw new Error(t("trouble.microphone.none"));
    if (error.name === "NotAllowedError") throw new Error(t("trouble.microphone.refused"));
    throw new Error(t("trouble.microphone", { why: error.message }));
  }
}

/** Begins. `heard(seconds, loudness)` is called as it goes; what comes back ends it, with a wav. */
export async function record(heard) {
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
