// Recording, as it sounds: what browsers do to speech ruins music, birds and machines.

import { t } from "./i18n.js";
import * as recordings from "./recordings.js";

const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
const HEADER = 44, BYTES = 2; // of a wav file; of a sample
const MOST = 48000; // Hz: three hours are 1 GB then, and nothing above 8 kHz is heard
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

/** Begins: { name, conversation }. `heard(seconds, loudness, isKept)` is called as it goes, `lost()`
 * when the microphone is taken away. What comes back is { id, end }: `end()` ends it and gives a
 * wav file; until the id is forgotten (recordings.js), the browser keeps what was recorded. */
export async function record(about, heard, lost) {
  const stream = await microphone();
  let context = new AudioContext();
  if (context.sampleRate > MOST) await context.close(), (context = new AudioContext({ sampleRate: MOST }));
  const address = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
  await context.audioWorklet.addModule(address);
  URL.revokeObjectURL(address);
  const tap = new AudioWorkletNode(context, "tap", { channelCount: 1, channelCountMode: "explicit" });
  const id = crypto.randomUUID(), rate = context.sampleRate;
  const kept = await recordings.begin({ id, rate, ...about });
  let length = 0, chunks = []; // of the second that is going on
  const flush = () => {
    kept.add(joined(chunks));
    chunks = [];
  };
  tap.port.onmessage = ({ data }) => {
    chunks.push(Int16Array.from(data, x => Math.max(-1, Math.min(1, x)) * 32767));
    length += data.length;
    if (chunks.length >= rate / data.length) flush();
    heard(length / rate, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length), kept.isKept());
  };
  context.createMediaStreamSource(stream).connect(tap);
  context.onstatechange = () => context.state === "running" || context.state === "closed" || context.resume(); // after a call
  stream.getTracks().forEach(track => (track.onended = lost)); // not called when we stop it
  const end = async () => {
    stream.getTracks().forEach(track => track.stop());
    await context.close();
    flush();
    return wav(await kept.parts(), rate);
  };
  return { id, end };
}

function joined(chunks) {
  const all = new Int16Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) all.set(chunk, at), (at += chunk.length);
  return all;
}

/** 16-bit samples (Blobs, one after the other) as a file. */
export function wav(parts, rate) {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const header = new DataView(new ArrayBuffer(HEADER));
  const put = (at, text) => [...text].forEach((c, i) => header.setUint8(at + i, c.charCodeAt(0)));
  put(0, "RIFF"), header.setUint32(4, 36 + size, true), put(8, "WAVEfmt ");
  header.setUint32(16, 16, true), header.setUint16(20, 1, true), header.setUint16(22, 1, true);
  header.setUint32(24, rate, true), header.setUint32(28, BYTES * rate, true);
  header.setUint16(32, BYTES, true), header.setUint16(34, 8 * BYTES, true);
  put(36, "data"), header.setUint32(40, size, true);
  return new Blob([header, ...parts], { type: "audio/wav" });
}
