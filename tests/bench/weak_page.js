// A page of the `weak` bench: it publishes camera and microphone, or receives them, through our node or through Janus.
// To us it speaks as the room's page does (the same Connection); to Janus with the same encodings, in a plain connection.

import { Connection } from "/static/js/room/connection.js";

const SAMPLE_MS = 100;
const samples = [];
let pc;
let connection;

async function devices() {
  const video = { width: 960, height: 540, frameRate: { max: 20 } };
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  const stream = await navigator.mediaDevices.getUserMedia({ video, audio });
  const [camera] = stream.getVideoTracks();
  camera.contentHint = "motion";
  return { camera, microphone: stream.getAudioTracks()[0] };
}

/** Plays what arrives: only what is played is decoded as in a real page. */
function play({ track }) {
  const element = document.createElement(track.kind);
  Object.assign(element, { autoplay: true, playsInline: true, srcObject: new MediaStream([track]) });
  document.body.append(element);
}

/** Samples of what is received, ten a second, the times in seconds. */
function watch() {
  pc.addEventListener("track", play);
  setInterval(async () => {
    const all = [...(await pc.getStats()).values()].filter((one) => one.type === "inbound-rtp");
    const most = (kind) => all.filter((one) => one.kind === kind).sort((one, other) => other.packetsReceived - one.packetsReceived)[0];
    const { framesDecoded = 0, freezeCount = 0, totalFreezesDuration = 0, frameWidth = 0 } = most("video") ?? {};
    const { totalSamplesReceived = 0, concealedSamples = 0, silentConcealedSamples = 0, packetsReceived = 0 } = most("audio") ?? {};
    samples.push({
      at: performance.now() / 1000,
      frames: framesDecoded, freezes: freezeCount, frozen: totalFreezesDuration, width: frameWidth,
      sound: totalSamplesReceived, concealed: concealedSamples, silent: silentConcealedSamples, packets: packetsReceived,
    });
  }, SAMPLE_MS);
}

async function gathered() {
  await pc.setLocalDescription();
  while (pc.iceGatheringState !== "complete") await new Promise((done) => { pc.addEventListener("icegatheringstatechange", done, { once: true }); });
  return pc.localDescription.sdp;
}

// ---- our node

window.offerToUs = async (publishing) => {
  connection = new Connection({ onState: (name) => console.info("connection:", name) });
  pc = connection.pc;
  watch();
  if (publishing) for (const [line, track] of Object.entries(await devices())) await connection.put(line, track);
  return connection.offer();
};

window.acceptFromUs = (joined) => connection.accept(joined);

/** What the node has said about this participant, as its control process tells the room's page. */
window.hear = (event) => {
  if (event.type === "layers_wanted") connection.sendLayers(event.kind, event.rids, event.codec);
  if (event.type === "voice_wanted") connection.setVoice({ kbps: event.kbps, frameMs: event.frame_ms });
};

// ---- Janus

window.offerToJanus = async () => {
  const model = new Connection({ onState: () => {} });
  const { encodings } = model.camera.getParameters();
  model.close();
  const { camera, microphone } = await devices();
  pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  pc.addTransceiver(microphone, { direction: "sendonly" });
  const sendEncodings = encodings.map(({ rid, maxBitrate, scaleResolutionDownBy }) => ({ rid, maxBitrate, scaleResolutionDownBy }));
  const video = pc.addTransceiver(camera, { direction: "sendonly", sendEncodings });
  const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
  video.setCodecPreferences(codecs.filter(({ mimeType }) => ["video/VP8", "video/rtx"].includes(mimeType)));
  return gathered();
};

window.acceptFromJanus = (sdp) => pc.setRemoteDescription({ type: "answer", sdp });

window.answerJanus = async (sdp) => {
  pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  watch();
  await pc.setRemoteDescription({ type: "offer", sdp });
  return gathered();
};

// ---- figures

window.state = () => pc.connectionState;
window.clock = () => performance.now() / 1000;
window.samples = () => samples;

/** Counters of the picture and the voice that arrive, for who wants to know why. */
window.counters = async () => {
  const all = [...(await pc.getStats()).values()].filter((one) => one.type === "inbound-rtp");
  const most = (kind) => all.filter((one) => one.kind === kind).sort((one, other) => other.packetsReceived - one.packetsReceived)[0] ?? {};
  return { picture: most("video"), voice: most("audio") };
};

/** The layers that are sent: rid, frames encoded, width, what holds it down. */
window.sent = async () => [...(await pc.getStats()).values()]
  .filter((one) => one.type === "outbound-rtp" && one.kind === "video" && one.framesEncoded)
  .map((one) => ({ rid: one.rid ?? "", frames: one.framesEncoded, width: one.frameWidth ?? 0, limited: one.qualityLimitationReason ?? "" }));

/** What Chromium takes the way out to carry, what the page makes of it, and by line the bytes sent, and sent again. */
window.leaving = async () => {
  const all = [...(await pc.getStats()).values()];
  const pair = all.find((one) => one.type === "candidate-pair" && one.nominated);
  const sent = all.filter((one) => one.type === "outbound-rtp" && one.bytesSent);
  const lines = Object.fromEntries(sent.map((one) => [`${one.kind}${one.rid ?? ""}`, [one.bytesSent, one.retransmittedBytesSent ?? 0]]));
  const { form, rests } = connection?.uplink.thrift ?? {};
  return { carries: pair?.availableOutgoingBitrate ?? 0, lost: connection?.uplink.lost ?? 0, form, rests, lines };
};
window.ready = true;
