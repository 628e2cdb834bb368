// Recording in the browser. What MediaRecorder gives differs by browser; the hub is sent plain 16-bit mono WAV.

import { h } from "./dom.js";
import { t } from "./i18n.js";

/**
 * What a button does that records: `most` seconds end it by themselves, leaving the view (`signal`) drops it.
 * @typedef {{most: number, signal: AbortSignal, began: () => void, level: (seconds: number, level: number) => void, take: (file: Blob) => void, failed: (why: string) => void}} Use
 */

/** The button; the words on it while it records and afterwards are the view's. @param {Use} use */
export function recordButton(use) {
  /** @type {Recording | null} */
  let recording = null;
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button" }, `● ${t("record")}`));
  const level = (/** @type {number} */ seconds, /** @type {number} */ loud) => {
    use.level(seconds, loud);
    if (seconds >= use.most) press();
  };
  const turn = async () => {
    const under = recording;
    recording = null;
    if (under) return use.take(await under.stop());
    const begun = new Recording(level, use.signal);
    await begun.start().catch((error) => {
      throw new Error(t("noMicrophone", { why: error.message }));
    });
    recording = begun;
    use.began();
  };
  const press = async () => {
    if (button.disabled) return;
    const focused = document.activeElement === button;
    button.disabled = true; // until the microphone is there, or the file
    await turn().catch((error) => {
      button.textContent = `● ${t("record")}`;
      use.failed(error.message);
    });
    button.disabled = false;
    if (focused && document.activeElement === document.body) button.focus();
  };
  button.onclick = press;
  return button;
}

/** One recording under way. */
class Recording {
  /** @param {(seconds: number, level: number) => void} onLevel called ten times a second; level 0..1 @param {AbortSignal} signal */
  constructor(onLevel, signal) {
    this.onLevel = onLevel;
    this.signal = signal;
    /** @type {Blob[]} */
    this.parts = [];
  }

  /** Asks for the microphone and begins. Processing is off: the voice shall be as it is. */
  async start() {
    const { port } = location;
    if (!navigator.mediaDevices) throw new Error(t("insecure", { here: `http://127.0.0.1${port && `:${port}`}` }));
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    try {
      this.signal.throwIfAborted();
      this.listen(this.stream);
    } catch (error) {
      this.release();
      throw error;
    }
    this.signal.addEventListener("abort", () => this.release(), { once: true });
  }

  /** How long it has been recording. */
  get seconds() {
    return (performance.now() - (this.began ?? performance.now())) / 1000;
  }

  /** @param {MediaStream} stream */
  listen(stream) {
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(stream).connect(analyser);
    this.recorder = new MediaRecorder(stream);
    this.recorder.ondataavailable = (event) => this.parts.push(event.data);
    this.began = performance.now();
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.onLevel(this.seconds, Math.max(...samples.map(Math.abs)));
    }, 100);
    this.stopped = new Promise((resolve) => (/** @type {MediaRecorder} */ (this.recorder).onstop = resolve));
    this.recorder.start(1000);
  }

  /** Ends the recording; one stopped in its first moment has no sound in it yet. @returns {Promise<Blob>} a WAV file */
  async stop() {
    clearInterval(this.timer);
    if (this.recorder?.state === "recording") this.recorder.stop();
    await this.stopped;
    const context = /** @type {AudioContext} */ (this.context);
    try {
      const sound = await context.decodeAudioData(await new Blob(this.parts, { type: this.recorder?.mimeType }).arrayBuffer());
      return wav(sound.getChannelData(0), sound.sampleRate);
    } catch (error) {
      throw new Error(t(this.seconds < 1 ? "noSound" : "badSound", { why: /** @type {Error} */ (error).message }));
    } finally {
      this.release();
    }
  }

  /** Lets go of the microphone. */
  release() {
    clearInterval(this.timer);
    this.stream?.getTracks().forEach((track) => track.stop());
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}

/** A RIFF WAV file, 16-bit mono. @param {Float32Array} samples @param {number} rate Hz */
function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const text = (/** @type {number} */ at, /** @type {string} */ word) => [...word].forEach((char, i) => view.setUint8(at + i, char.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + samples.length * 2, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, i) => view.setInt16(44 + i * 2, Math.max(-1, Math.min(1, sample)) * 32767, true));
  return new Blob([view.buffer], { type: "audio/wav" });
}
