// Recording, as it sounds: what browsers do to speech ruins music, birds and machines.

import { t } from "./i18n.js";
import * as recordings from "./recordings.js";

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

/** Begins, under a name. `heard(seconds, loudness)` is called as it goes, `lost()` when the
 * microphone is taken away; what comes back ends it, with { id, name, wav }. Until the id is forgotten (recordings.js), the browser keeps what was recorded. */
export async function record(name, heard, lost) {
  const stream = await microphone();
  const context = new AudioContext();
  const address = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
  await context.audioWorklet.addModule(address);
  URL.revokeObjectURL(address);
  const tap = new AudioWorkletNode(context, "tap", { channelCount: 1, channelCountMode: "explicit" });
  const chunks = [], id = crypto.randomUUID(), rate = context.sampleRate;
  let length = 0, n_kept = 0;
  await recordings.begin({ id, name, rate });
  tap.port.onmessage = ({ data }) => {
    chunks.push(Int16Array.from(data, x => Math.max(-1, Math.min(1, x)) * 32767));
    length += data.length;
    if (chunks.length - n_kept >= rate / data.length) {
      recordings.add(id, joined(chunks.slice(n_kept)));
      n_kept = chunks.length;
    }
    heard(length / rate, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length));
  };
  context.createMediaStreamSource(stream).connect(tap);
  stream.getTracks().forEach(track => (track.onended = lost)); // not called when we stop it
  return async () => {
    stream.getTracks().forEach(track => track.stop());
    await context.close();
    if (n_kept < chunks.length) await recordings.add(id, joined(chunks.slice(n_kept)));
    return { id, name, wav: wav(chunks, rate) };
  };
}

function joined(chunks) {
  const all = new Int16Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) all.set(chunk, at), (at += chunk.length);
  return all;
}

/** Samples (Int16Arrays, one after the other) as a file. */
export function wav(chunks, rate) {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const header = new DataView(new ArrayBuffer(44));
  const put = (at, text) => [...text].forEach((c, i) => header.setUint8(at + i, c.charCodeAt(0)));
  put(0, "RIFF"), header.setUint32(4, 36 + 2 * length, true), put(8, "WAVEfmt ");
  header.setUint32(16, 16, true), header.setUint16(20, 1, true), header.setUint16(22, 1, true);
  header.setUint32(24, rate, true), header.setUint32(28, 2 * rate, true);
  header.setUint16(32, 2, true), header.setUint16(34, 16, true);
  put(36, "data"), header.setUint32(40, 2 * length, true);
  return new Blob([header, ...chunks], { type: "audio/wav" });
}
