/**
 * Stream: what the server says, as it says it.
 *
 * The page names the topics it wants; the server computes no others. A lost server is told to `onLink`, and
 * sought again with patience; topics are asked for anew once it is there.
 */

const SHORTEST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;

/** Addresses are relative to the page, so that it works below the path of a proxy. */
export const api = (path) => new URL(`api/v1/${path}`, document.baseURI);

/**
 * The parts of a binary message, each behind its length: the length of a JSON header, the header, numbers.
 * @param {ArrayBuffer} buffer
 * @returns {{header: object, payload: Float32Array, buffer: ArrayBuffer}[]}
 */
export function parseMessage(buffer) {
  const view = new DataView(buffer);
  const parts = [];
  for (let start = 0; start < buffer.byteLength; ) {
    const stop = start + 4 + view.getUint32(start, true);
    const length = view.getUint32(start + 4, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, start + 8, length)));
    const first = start + 8 + length;
    parts.push({ header, payload: new Float32Array(buffer, first, (stop - first) / 4), buffer });
    start = stop;
  }
  return parts;
}

export class Stream {
  /**
   * @param {{onState: (state: object) => void,
   *          onData: (message: {header: object, payload: Float32Array}) => void,
   *          onLink: (link: "open" | "lost" | "refused") => void}} listener
   */
  constructor(listener) {
    this.listener = listener;
    this.asked = "";
    this.wait_ms = SHORTEST_WAIT_MS;
    this.connect();
  }

  /** Watch these topics, and this frame (null: the latest), in place of what was watched. */
  watch(topics, frame) {
    const asked = JSON.stringify({ watch: topics, frame });
    if (asked === this.asked) return;
    this.asked = asked;
    this.send();
  }

  send() {
    if (this.asked && this.socket.readyState === WebSocket.OPEN) this.socket.send(this.asked);
  }

  connect() {
    const address = api("stream");
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.wait_ms = SHORTEST_WAIT_MS;
      this.listener.onLink("open");
      this.send();
    };
    this.socket.onmessage = ({ data }) => {
      if (typeof data === "string") return console.error(JSON.parse(data).error);
      for (const part of parseMessage(data)) {
        if (part.header.topic === "state") this.listener.onState(part.header);
        else this.listener.onData(part);
      }
    };
    this.socket.onclose = () => this.lost();
  }

  /** Say whether the server is gone or lets nobody in, and try again. */
  async lost() {
    this.listener.onLink("lost");
    try {
      const answer = await fetch(api("state"));
      if (answer.status === 401) this.listener.onLink("refused");
    } catch {
      // it is gone: said already
    }
    setTimeout(() => this.connect(), this.wait_ms);
    this.wait_ms = Math.min(2 * this.wait_ms, LONGEST_WAIT_MS);
  }
}

/**
 * Ask the server to do something; what it refuses is an `Error` in its words.
 * @param {string} what such as "stop"
 * @param {object} body
 */
export async function command(what, body = {}) {
  const answer = await fetch(api(what), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.ok) return;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error ?? `the server answers ${answer.status}`);
}
