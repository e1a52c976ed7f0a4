import { decodePickle, type Unpickled } from './pickle';

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;

/**
 * What `torch.save` wrote (PyTorch 1.6 or later: a zip archive, nothing in it compressed) of numbers, texts, lists,
 * dictionaries and NumPy arrays. Nothing in it is run, and tensors are not read.
 * @param file its name, for messages
 * @throws Error that names the file and what in it is not read
 */
export function decodeTorchFile(bytes: Uint8Array, file: string): Unpickled {
  return decodePickle(archivedPickle(bytes, file), file);
}

/** The entry `…/data.pkl` of the archive. */
function archivedPickle(bytes: Uint8Array, file: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== endOfDirectory) end -= 1;
  if (end < 0) {
    throw new Error(`${file} is not a file of torch.save of PyTorch 1.6 or later, or it is cut short. Save it again.`);
  }
  let at = view.getUint32(end + 16, true);
  while (at + 46 <= end && view.getUint32(at, true) === directoryEntry) {
    const [method, size] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true)];
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + (nameLength ?? 0)));
    if (name.endsWith('/data.pkl') && method === 0) {
      const local = view.getUint32(at + 42, true);
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      return bytes.subarray(start, start + size);
    }
    at += 46 + (nameLength ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  throw new Error(`${file} holds no uncompressed data.pkl, which torch.save writes. Save it again.`);
}
