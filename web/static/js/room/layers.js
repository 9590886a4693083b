// The sizes in which a camera is sent at once (simulcast): as many as its picture is large enough for.

export const LAYERS = [
  { rid: "f", maxBitrate: 1_200_000, priority: "low" },
  { rid: "h", maxBitrate: 400_000, scaleResolutionDownBy: 2, priority: "low" },
  { rid: "q", maxBitrate: 120_000, scaleResolutionDownBy: 4, priority: "low" },
];
const LEAST = 240; // pixels of the longer side, below which a smaller copy helps nobody

/** The rids worth sending of a track, from the largest: of 960×540 three, of 640×360 two, of 320×180 one. All of a track whose
    size is not known. */
export function worthSending(track) {
  const { width = 0, height = 0 } = track?.getSettings() ?? {};
  const longer = Math.max(width, height) || Infinity;
  return LAYERS.filter(({ scaleResolutionDownBy: by = 1 }) => by === 1 || longer / by >= LEAST).map(({ rid }) => rid);
}

/** Which of `there` are sent when the server wishes for `wished` (null: for all): where it wishes for none of those that
    there are, the smallest that there is. */
export function sentOf(there, wished) {
  if (!wished) return there;
  const found = there.filter((rid) => wished.includes(rid));
  return found.length || !wished.length ? found : there.slice(-1);
}
