// Runs before a page's own scripts: its camera, microphone and screen become pictures and tones that can be recognised.
//
// A picture's background is the person's colour; along the top a stripe is white while the tone sounds; along the bottom
// sixteen cells, white or black, hold the time in steps of 50 ms, the lowest bit first. `marked.speak(true)` lets the
// tone sound for the first 0.4 s of each second.

(() => {
  const PERSON = window.__person;
  const FPS = 15;
  const CELLS = 16;
  let context = null;
  let volume = null;
  let speaking = false;
  let lit = false;
  const painters = new Set();

  function paint(canvas, colour) {
    const { width, height } = canvas;
    const pen = canvas.getContext("2d");
    pen.fillStyle = `rgb(${colour})`;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = lit ? "white" : "black";
    pen.fillRect(0, 0, width, height / 4);
    const stamp = Math.floor(Date.now() / 50);
    for (let bit = 0; bit < CELLS; bit += 1) {
      pen.fillStyle = Math.floor(stamp / 2 ** bit) % 2 ? "white" : "black";
      pen.fillRect((bit * width) / CELLS, (height * 4) / 5, width / CELLS, height / 5);
    }
  }

  function picture(width, height, colour) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const [track] = canvas.captureStream(0).getVideoTracks();
    const draw = () => {
      if (track.readyState === "ended") return painters.delete(draw);
      paint(canvas, colour);
      track.requestFrame();
    };
    painters.add(draw);
    draw();
    return track;
  }

  /** Sound and stripe change in one breath, and the picture with the change is sent at once. */
  function light(on) {
    if (on === lit) return;
    lit = on;
    volume?.gain.setValueAtTime(on ? 0.3 : 0, context.currentTime);
    for (const draw of painters) draw();
  }

  function voice() {
    context ??= new AudioContext();
    if (!volume) {
      volume = new GainNode(context, { gain: 0 });
      const tone = new OscillatorNode(context, { frequency: PERSON.tone });
      tone.connect(volume);
      tone.start();
    }
    const out = context.createMediaStreamDestination();
    volume.connect(out);
    return out.stream.getAudioTracks()[0];
  }

  setInterval(() => { for (const draw of painters) draw(); }, 1000 / FPS);
  setInterval(() => light(speaking && Date.now() % 1000 < 400), 10);
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) =>
    new MediaStream([...(audio ? [voice()] : []), ...(video ? [picture(640, 360, PERSON.colour)] : [])]);
  navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([picture(960, 540, PERSON.screen)]);
  window.marked = { speak: (on) => { speaking = on; } };
})();
