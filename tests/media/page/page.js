// A participant in a page: a coloured moving picture and a tone of its own to send, three voices and slots to receive.

const VOICES = 3;
const pictures = [];
let connection;
let camera;
let screen;
let tone;

const layers = [
  { rid: "f", maxBitrate: 900_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 300_000 },
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 100_000 },
];

function drawn(width, height, colour, rate) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  let count = 0;
  setInterval(() => {
    count += 1;
    context.fillStyle = colour;
    context.fillRect(0, 0, width, height);
    context.fillStyle = "white";
    context.fillRect((count * 7) % width, 10, 20, 20);
  }, 1000 / rate);
  return canvas.captureStream(rate).getVideoTracks()[0];
}

function sounding(frequency) {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency });
  tone = new GainNode(context, { gain: 0.5 });
  const end = new MediaStreamAudioDestinationNode(context);
  oscillator.connect(tone).connect(end);
  oscillator.start();
  return end.stream.getAudioTracks()[0];
}

function received(event) {
  const element = document.createElement(event.track.kind);
  Object.assign(element, { autoplay: true, playsInline: true, muted: false });
  element.srcObject = new MediaStream([event.track]);
  document.body.append(element);
  if (event.track.kind === "video") pictures.push(element);
}

// The offer of a participant that shows `colour` and sounds `frequency` Hz; without a colour it only watches.
window.offer = async ({ colour, frequency, width = 640, height = 360, rate = 10, slots = 4 }) => {
  connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  connection.ontrack = received;
  connection.addTransceiver(frequency ? sounding(frequency) : "audio", { direction: "sendonly" });
  camera = connection.addTransceiver(colour ? drawn(width, height, colour, rate) : "video", {
    direction: "sendonly",
    sendEncodings: layers,
  });
  screen = connection.addTransceiver("video", { direction: "sendonly" });
  for (let n = 0; n < VOICES; n += 1) connection.addTransceiver("audio", { direction: "recvonly" });
  for (let n = 0; n < slots; n += 1) connection.addTransceiver("video", { direction: "recvonly" });
  await connection.setLocalDescription();
  return connection.localDescription.sdp;
};

window.answer = async (sdp) => {
  await connection.setRemoteDescription({ type: "answer", sdp });
};

window.state = () => connection.connectionState;
window.volume = (gain) => { tone.gain.value = gain; };
window.share = async (width, height, colour) => { await screen.sender.replaceTrack(drawn(width, height, colour, 5)); };
window.unshare = async () => { await screen.sender.replaceTrack(null); };
window.cameraOff = async () => { await camera.sender.replaceTrack(null); };

// What each slot receives, by mid.
window.figures = async () => {
  const found = {};
  (await connection.getStats()).forEach((x) => {
    if (x.type === "inbound-rtp") {
      found[x.mid] = {
        frames: x.framesDecoded, width: x.frameWidth, height: x.frameHeight, energy: x.totalAudioEnergy,
        freezes: x.freezeCount, packets: x.packetsReceived, lost: x.packetsLost, keys: x.keyFramesDecoded,
        retransmitted: x.retransmittedPacketsReceived, nacks: x.nackCount, seconds: x.totalSamplesDuration,
      };
    }
  });
  return found;
};

window.sent = async () => {
  const found = [];
  (await connection.getStats()).forEach((x) => {
    if (x.type === "outbound-rtp") {
      found.push({ mid: x.mid, rid: x.rid, kind: x.kind, frames: x.framesEncoded, width: x.frameWidth,
        target: x.targetBitrate, plis: x.pliCount, packets: x.packetsSent });
    }
    if (x.type === "candidate-pair" && x.nominated) found.push({ estimate: x.availableOutgoingBitrate });
    if (x.type === "transport") found.push({ cipher: x.srtpCipher, dtls: x.dtlsState });
    if (x.type === "remote-inbound-rtp") found.push({ kind: x.kind, rtt: x.roundTripTime, lost: x.fractionLost });
  });
  return found;
};

// The colour in the middle of a slot, 0..255 each.
window.colour = (slot) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(pictures[slot], 0, 0, 8, 8);
  return [...context.getImageData(4, 6, 1, 1).data.slice(0, 3)];
};
