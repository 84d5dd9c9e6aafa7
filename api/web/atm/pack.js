// The offline pack: the machine's own content, shown while the service is away, and only if the bank has signed it.
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// The content of a pack; refuses one that is not signed with the pinned key, or is out of date.
export const opened = async (signed, key, now = Date.now()) => {
  const pinned = await crypto.subtle.importKey("spki", bytes(key), ALGORITHM, false, ["verify"]);
  const content = bytes(signed.content);
  if (!(await crypto.subtle.verify(SIGNATURE, pinned, bytes(signed.signature), content))) throw new Error("not signed by the bank");
  const pack = JSON.parse(new TextDecoder().decode(content));
  if (!(Date.parse(pack.valid_until) > now)) throw new Error("out of date");
  return pack;
};
