// Which ways lead out of this network to the server's relay (TURN), each tried by itself: a browser that gets a relayed address
// by a way has asked the relay and been let in. Which way a meeting then takes is the browser's business.

const ANSWER_MS = 6000;

/** Kind of way that an address of a relay stands for: "udp", "tcp" or "tls". */
export function kindOf(url) {
  return url.startsWith("turns:") ? "tls" : /[?&]transport=tcp\b/.test(url) ? "tcp" : "udp";
}

/** Tries all relays at once. Gives {udp, tcp, tls}: true, false, or left out where there is none of that kind. */
export async function waysOut(ice) {
  const all = ice.flatMap((server) => [server.urls].flat().map((url) => ({ ...server, urls: [url] })));
  const tried = await Promise.all(all.map(async (server) => [kindOf(server.urls[0]), await leads(server)]));
  const ways = {};
  for (const [kind, open] of tried) ways[kind] = Boolean(ways[kind] || open);
  return ways;
}

/** Whether the relay gives an address by this way within `ANSWER_MS`. */
async function leads(server) {
  const pc = new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: "relay" });
  try {
    const found = new Promise((done) => {
      pc.addEventListener("icecandidate", ({ candidate }) => { if (candidate?.type === "relay") done(true); else if (!candidate) done(false); });
      setTimeout(done, ANSWER_MS, false);
    });
    pc.createDataChannel("way");
    await pc.setLocalDescription();
    return await found;
  } finally {
    pc.close();
  }
}
