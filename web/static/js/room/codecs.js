// The codec of a shared screen: VP9 where everybody in the room can be shown it, else VP8, which all can. The server decides.

export const VP9 = "video/vp9";
const OTHER_PROFILE = /profile-id=[1-9]/; // in a codec's parameters; all machines decode profile 0
const DECODED = { contentType: "video/VP9", width: 1920, height: 1080, framerate: 10, bitrate: 260_000 };
const SCREENS = { // as `SCREEN_RATES` of server/media/allocation/layers.py
  vp8: { maxBitrate: 650_000, scalabilityMode: "L1T3" }, // thin links get a quarter of its frames, as sharp: two fifths of the rate
  vp9: { maxBitrate: 260_000, scalabilityMode: "L1T1" }, // carried by a link of 400 kbit/s beside voices; in layers its encoder leaves out pictures
};

/** Of codecs those of this type, of VP9 in the profile that all decode. */
export const ofType = (codecs, type) => codecs.filter(({ mimeType, sdpFmtpLine = "" }) => mimeType.toLowerCase() === type && !(type === VP9 && OTHER_PROFILE.test(sdpFmtpLine)));

/** The parameters of an encoding in a codec. */
export const screenIn = (name) => ({ ...SCREENS[name], codec: ofType(RTCRtpSender.getCapabilities("video").codecs, `video/${name}`)[0] });

/** Whether this machine decodes a large picture in a codec as fast as it comes; false where the browser does not tell. */
export async function decodes(mimeType) {
  try {
    const { supported, smooth } = await navigator.mediaCapabilities.decodingInfo({ type: "webrtc", video: { ...DECODED, contentType: mimeType } });
    return supported && smooth;
  } catch (error) {
    console.info("not known what is decoded:", error.message);
    return false;
  }
}

/** Changes a sender's parameters so that its picture is sent in `name`; whether they are others now. A browser whose encodings
    name no codec sends what stands first in the answer, which is VP8. */
export function turnTo(parameters, name) {
  const [encoding] = parameters.encodings;
  if (!encoding?.codec || encoding.codec.mimeType.toLowerCase() === `video/${name}`) return false;
  Object.assign(encoding, screenIn(name));
  return true;
}
