import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

export interface WheelContent {
  /** Members by path. */
  members: Record<string, Buffer>;
  /** Lines of METADATA. */
  metadata?: string[];
  /** Members whose line in RECORD is wrong. */
  wrong?: string[];
}

/** Writes a Python wheel as pip downloads it. */
export async function writeWheel(file: string, { members, metadata = [], wrong = [] }: WheelContent): Promise<void> {
  const zip = new ZipFile();
  const record = Object.entries(members).map(([path, bytes]) => {
    const sum = createHash('sha256').update(wrong.includes(path) ? 'something else' : bytes);
    return `${path},sha256=${sum.digest('base64url')},${bytes.length}`;
  });
  for (const [path, bytes] of Object.entries(members)) zip.addBuffer(bytes, path);
  zip.addBuffer(Buffer.from(['Metadata-Version: 2.1', ...metadata, ''].join('\n')), 'pretend-1.dist-info/METADATA');
  zip.addBuffer(Buffer.from([...record, 'pretend-1.dist-info/RECORD,,', ''].join('\n')), 'pretend-1.dist-info/RECORD');
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file));
}

/** The members of a wheel that looks like TensorFlow's, with libraries of random bytes. */
export function pretendTensorFlow(libraryBytes = 300_000): Record<string, Buffer> {
  return {
    'tensorflow/__init__.py': Buffer.from(''),
    'tensorflow/libtensorflow_cc.so.2': randomBytes(libraryBytes),
    'tensorflow/libtensorflow_framework.so.2': randomBytes(libraryBytes / 10),
    'tensorflow/include/tensorflow/c/c_api.h': Buffer.from('// A header.\n'),
    'tensorflow/include/Eigen/Core': Buffer.from('// Not needed.\n'),
  };
}
