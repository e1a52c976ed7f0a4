/** A file in a tar archive. */
export interface TarEntry {
  /** Its path in the archive, with slashes. */
  path: string;
  /** Its bytes as they come; they are to be read before the next entry is asked for. */
  content: AsyncIterable<Uint8Array>;
}

const block = 512;

/**
 * The plain files of a tar archive (POSIX ustar, with GNU's long names), as they come in a stream. Folders are left out,
 * and so are links.
 * @param chunks the archive's bytes, decompressed
 * @throws Error when it is no tar archive, or is cut short
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const reader = byteReader(chunks);
  let longPath: string | undefined;
  for (;;) {
    const header = Buffer.from(await reader.exactly(block));
    // Two empty blocks end an archive; one is enough to know.
    if (header.every((byte) => byte === 0)) return;
    const { path, size, type } = parseHeader(header);
    const padding = (block - (size % block)) % block;
    if (type === 'L') {
      longPath = text(Buffer.from(await reader.exactly(size)));
    } else {
      const content = reader.upTo(size);
      if (type === '0') yield { path: longPath ?? path, content };
      longPath = undefined;
      // What was not read is passed over.
      for await (const _ of content);
    }
    await reader.exactly(padding);
  }
}

function parseHeader(header: Buffer): { path: string; size: number; type: string } {
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  const octal = (from: number, to: number) => Number.parseInt(text(header.subarray(from, to)).trim(), 8);
  const size = octal(124, 136);
  if (octal(148, 156) !== sum || !(size >= 0)) throw new Error('it is no tar archive, or is damaged');
  const isUstar = header.toString('latin1', 257, 262) === 'ustar';
  const prefix = isUstar ? text(header.subarray(345, 500)) : '';
  const name = text(header.subarray(0, 100));
  const type = header.toString('latin1', 156, 157);
  return { path: prefix === '' ? name : `${prefix}/${name}`, size, type: type === '\0' ? '0' : type };
}

/** Up to the first zero. */
function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function byteReader(chunks: AsyncIterable<Uint8Array>) {
  const source = chunks[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  /** At least one byte and at most `most`. */
  const some = async (most: number): Promise<Uint8Array> => {
    while (rest.length === 0) {
      const next = await source.next();
      if (next.done === true) throw new Error('it is cut short');
      rest = next.value;
    }
    const taken = rest.subarray(0, most);
    rest = rest.subarray(taken.length);
    return taken;
  };
  async function* upTo(size: number): AsyncGenerator<Uint8Array> {
    let left = size;
    while (left > 0) {
      const taken = await some(left);
      left -= taken.length;
      yield taken;
    }
  }
  return {
    exactly: async (size: number): Promise<Uint8Array> => {
      const parts: Uint8Array[] = [];
      for await (const part of upTo(size)) parts.push(part);
      return Buffer.concat(parts);
    },
    upTo,
  };
}
