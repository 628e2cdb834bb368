// Recording in the browser. What MediaRecorder gives differs by browser; the hub is sent plain 16-bit mono WAV.

const MOST_SECONDS = 120;

/** One recording under way. */
export class Recording {
  /** @param {(seconds: number, level: number) => void} onLevel called ten times a second; level 0..1 */
  constructor(onLevel) {
    this.onLevel = onLevel;
    /** @type {Blob[]} */
    this.parts = [];
  }

  /** Asks for the microphone and begins. Processing is off: the voice shall be as it is. */
  async start() {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(this.stream).connect(analyser);
    this.recorder = new MediaRecorder(this.stream);
    this.recorder.ondataavailable = (event) => this.parts.push(event.data);
    const began = performance.now();
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const seconds = (performance.now() - began) / 1000;
      this.onLevel(seconds, Math.max(...samples.map(Math.abs)));
      if (seconds >= MOST_SECONDS) this.recorder?.stop();
    }, 100);
    this.stopped = new Promise((resolve) => (/** @type {MediaRecorder} */ (this.recorder).onstop = resolve));
    this.recorder.start(1000);
  }

  /** Ends the recording. @returns {Promise<{file: Blob, seconds: number}>} a WAV file */
  async stop() {
    if (this.recorder?.state === "recording") this.recorder.stop();
    await this.stopped;
    clearInterval(this.timer);
    this.stream?.getTracks().forEach((track) => track.stop());
    const context = /** @type {AudioContext} */ (this.context);
    const sound = await context.decodeAudioData(await new Blob(this.parts, { type: this.recorder?.mimeType }).arrayBuffer());
    await context.close();
    return { file: wav(sound.getChannelData(0), sound.sampleRate), seconds: sound.duration };
  }
}

/** A RIFF WAV file, 16-bit mono. @param {Float32Array} samples @param {number} rate Hz */
export function wav(samples, rate) {
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
