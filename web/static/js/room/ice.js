// Relays (TURN) for networks that let no UDP out. A browser gathers relayed addresses as part of its offer, so they are
// asked for before it; what was told is kept for as long as the server says.

import { send } from "../channel.js";

let known = null; // {ice, until}

/** What goes into RTCConfiguration.iceServers; may be empty. Rejects like `send`. */
export async function iceServers() {
  if (known && Date.now() < known.until) return known.ice;
  const { ice, seconds } = await send("meeting.ice");
  known = { ice, until: Date.now() + 1000 * (seconds ?? 3600) };
  return ice;
}
