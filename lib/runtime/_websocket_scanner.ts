/** Watching WebSocket frames go by (RFC 6455 §5), without taking them apart. @module */

/** Kinds of frames (RFC 6455 §5.2). */
export const OPCODES = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

/** What stands in the head of a frame. */
export interface FrameHead {
  /** One of {@link OPCODES}. */
  readonly opcode: number;
  /** True for the last frame of a message. */
  readonly isFinal: boolean;
  /** Bytes of payload. */
  readonly length: number;
  /** The four bytes its payload is masked with, if it is. */
  readonly mask: Uint8Array | undefined;
}

/** What the frames of one direction must be like. */
export interface FrameRules {
  /** True for what a client sends: masked. What a server sends must not be (RFC 6455 §5.1). */
  readonly isMasked: boolean;
  /** Most bytes of one message, over all its frames, as they are on the wire; 0 means no limit. */
  readonly maxMessageBytes: number;
  /** True where permessage-deflate was agreed on, which uses RSV1 (RFC 7692 §6). Default false. */
  readonly allowsCompression?: boolean | undefined;
}

/** Why frames may not go on. */
export interface FrameFailure {
  /** Code to close with (RFC 6455 §7.4.1): protocol error, text that is not UTF-8, too big. */
  readonly code: 1002 | 1007 | 1009;
  /** What it is in a word or two, fit for a close frame. */
  readonly reason: string;
}

/** Gets what a {@link FrameScanner} sees. Payload pieces are masked still, and not copied. */
export interface FrameSink {
  /** A frame begins. */
  begin(head: FrameHead): void;
  /** A piece of its payload. */
  take(payload: Uint8Array): void;
  /** It is over. */
  end(): void;
}

/** Longest head: two bytes, length, mask, and the close code that is read with it. */
const MAX_HEAD_BYTES = 16;
/** Most bytes of payload in a control frame (RFC 6455 §5.5). */
export const MAX_CONTROL_BYTES: number = 125;
/** RFC 6455 §7.4.1: stands for a close frame without a code, and is never sent. */
export const NO_CLOSE_CODE: number = 1005;
const TOO_BIG: FrameFailure = { code: 1009, reason: "message too big" };

/**
 * Walks the frames of one direction, in whatever pieces they come, and checks them: opcodes, reserved
 * bits, masking, control frames, order of fragments, close codes, size of a message. Payloads are
 * skipped, not copied.
 *
 * A head goes on only when it is whole and found good. So what was let through always ends inside a
 * payload or between two frames, and in the latter case a frame of our own may follow.
 */
export class FrameScanner {
  readonly #rules: FrameRules;
  readonly #sink: FrameSink | undefined;
  readonly #head = new Uint8Array(MAX_HEAD_BYTES);
  #headBytes = 0;
  #neededBytes = 2;
  #payloadLeft = 0;
  #messageBytes = 0;
  #isInMessage = false;
  #isStopping = false;
  #isMuted = false;
  #announcedCode: number | undefined;
  #closeCode: number | undefined;
  #failure: FrameFailure | undefined;

  constructor(rules: FrameRules, sink?: FrameSink) {
    this.#rules = rules;
    this.#sink = sink;
  }

  /** True when what was let through so far ends with a whole frame. */
  get isAtBoundary(): boolean {
    return this.#isMuted || this.#payloadLeft === 0;
  }

  /** Code of the close frame that was seen whole; 1005 for one without. Nothing is looked at after it. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** What was wrong. Nothing is looked at after it. */
  get failure(): FrameFailure | undefined {
    return this.#failure;
  }

  /** Lets nothing through from the next boundary on; a close frame is still looked for. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Takes a piece and gives the parts, in order, that may go on: mostly the piece itself. */
  scan(chunk: Uint8Array): Uint8Array[] {
    const passed: Uint8Array[] = [];
    let start = 0;
    let offset = 0;
    const pass = (end: number): void => {
      if (end > start && !this.#isMuted) passed.push(chunk.subarray(start, end));
      start = end;
    };
    while (offset < chunk.length) {
      if (this.#payloadLeft > 0) {
        offset = this.#takePayload(chunk, offset);
        continue;
      }
      if (this.#failure !== undefined || this.#closeCode !== undefined) break;
      if (this.#isStopping && !this.#isMuted) {
        pass(offset);
        this.#isMuted = true;
      }
      const began = offset;
      const carriedBytes = this.#headBytes;
      offset = this.#takeHead(chunk, offset);
      if (this.#headBytes < this.#neededBytes || this.#failure !== undefined) {
        // Cut off by the end of the piece, or not to go on at all.
        pass(began);
        return passed;
      }
      if (carriedBytes > 0) {
        if (!this.#isMuted) passed.push(this.#head.slice(0, this.#headBytes));
        start = offset;
      }
      this.#headBytes = 0;
      this.#neededBytes = 2;
    }
    pass(offset);
    return passed;
  }

  #takePayload(chunk: Uint8Array, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#payloadLeft);
    this.#sink?.take(chunk.subarray(offset, end));
    this.#payloadLeft -= end - offset;
    if (this.#payloadLeft === 0) this.#endFrame();
    return end;
  }

  #endFrame(): void {
    this.#closeCode = this.#announcedCode;
    this.#sink?.end();
  }

  #takeHead(chunk: Uint8Array, offset: number): number {
    let next = offset;
    while (next < chunk.length) {
      this.#head[this.#headBytes++] = chunk[next++] as number;
      if (this.#headBytes === 2) {
        this.#failure = this.#checkStart();
        if (this.#failure !== undefined) return next;
        this.#neededBytes = countHeadBytes(this.#head);
      }
      if (this.#headBytes === this.#neededBytes) {
        this.#beginFrame();
        return next;
      }
    }
    return next;
  }

  /** The first two bytes: everything but lengths (RFC 6455 §5.2, §5.4, §5.5). */
  #checkStart(): FrameFailure | undefined {
    const [first = 0, second = 0] = this.#head;
    const opcode = first & 0x0f;
    const isControl = opcode >= OPCODES.close;
    if (opcode > OPCODES.pong || (!isControl && opcode > OPCODES.binary)) {
      return protocolError("unknown opcode");
    }
    const reserved = first & 0x70;
    const mayBeCompressed = this.#rules.allowsCompression === true &&
      (opcode === OPCODES.text || opcode === OPCODES.binary);
    if (reserved !== 0 && !(reserved === 0x40 && mayBeCompressed)) {
      return protocolError("reserved bit");
    }
    if ((second & 0x80) !== 0 !== this.#rules.isMasked) return protocolError("masking");
    if (isControl) {
      const length = second & 0x7f;
      if ((first & 0x80) === 0 || length > MAX_CONTROL_BYTES) return protocolError("control frame");
      if (opcode === OPCODES.close && length === 1) return protocolError("close frame");
    } else if ((opcode === OPCODES.continuation) !== this.#isInMessage) {
      return protocolError("order of fragments");
    }
    return undefined;
  }

  #beginFrame(): void {
    const head = parseHead(this.#head, this.#neededBytes);
    const { opcode, length } = head;
    if (opcode < OPCODES.close) {
      this.#failure = this.#countMessage(head);
    } else if (opcode === OPCODES.close) {
      const code = head.closeCode;
      if (code !== undefined && !isCloseCode(code)) this.#failure = protocolError("close code");
      else this.#announcedCode = code ?? NO_CLOSE_CODE;
    }
    if (this.#failure !== undefined) return;
    this.#sink?.begin(head);
    this.#payloadLeft = length - head.payload.length;
    if (head.payload.length > 0) this.#sink?.take(head.payload);
    if (this.#payloadLeft === 0) this.#endFrame();
  }

  #countMessage({ opcode, isFinal, length }: FrameHead): FrameFailure | undefined {
    const { maxMessageBytes } = this.#rules;
    // RFC 6455 §5.2: the highest bit of the length is zero. Beyond 2^53 nobody can count it.
    if (!Number.isSafeInteger(length)) return TOO_BIG;
    if (opcode !== OPCODES.continuation) this.#messageBytes = 0;
    this.#messageBytes += length;
    this.#isInMessage = !isFinal;
    return maxMessageBytes > 0 && this.#messageBytes > maxMessageBytes ? TOO_BIG : undefined;
  }
}

/** True for a code that may stand in a close frame (RFC 6455 §7.4, and the registry of its §11.7). */
export function isCloseCode(code: number): boolean {
  return (code >= 3000 && code <= 4999) || (code >= 1007 && code <= 1014) ||
    (code >= 1000 && code <= 1003);
}

/** Masks or unmasks in place (RFC 6455 §5.3); `position` is that of the first byte in the payload. */
export function applyMask(bytes: Uint8Array, mask: Uint8Array, position: number): void {
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = (bytes[index] as number) ^ (mask[(position + index) & 3] as number);
  }
}

function protocolError(reason: string): FrameFailure {
  return { code: 1002, reason };
}

function countHeadBytes([first = 0, second = 0]: Uint8Array): number {
  const length = second & 0x7f;
  const lengthBytes = length === 126 ? 2 : length === 127 ? 8 : 0;
  const codeBytes = (first & 0x0f) === OPCODES.close && length >= 2 ? 2 : 0;
  return 2 + lengthBytes + (second & 0x80 ? 4 : 0) + codeBytes;
}

/** A head, and what of the payload was read with it: the code of a close frame. */
interface ParsedHead extends FrameHead {
  readonly payload: Uint8Array;
  readonly closeCode: number | undefined;
}

function parseHead(bytes: Uint8Array, headBytes: number): ParsedHead {
  const [first = 0, second = 0] = bytes;
  const view = new DataView(bytes.buffer);
  const opcode = first & 0x0f;
  let length = second & 0x7f;
  let offset = 2;
  if (length === 126) {
    length = view.getUint16(2);
    offset = 4;
  } else if (length === 127) {
    length = Number(view.getBigUint64(2));
    offset = 10;
  }
  const mask = second & 0x80 ? bytes.slice(offset, offset + 4) : undefined;
  if (mask !== undefined) offset += 4;
  const payload = bytes.slice(offset, headBytes);
  const code = payload.slice();
  if (mask !== undefined) applyMask(code, mask, 0);
  const closeCode = code.length === 2 ? new DataView(code.buffer).getUint16(0) : undefined;
  return { opcode, isFinal: (first & 0x80) !== 0, length, mask, payload, closeCode };
}
