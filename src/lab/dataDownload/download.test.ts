import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tarEntry } from '../../formats/tar.testing';
import { downloadFiles, type DownloadProgress } from './download';
import { dataSources } from './sources';

const bytes = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 253));
const md5 = (data: Uint8Array) => createHash('md5').update(data).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
/** What the server answers, request by request; the last one for all that follow. */
let answers: Answer[] = [];
let ranges: (string | undefined)[] = [];
const server = createServer((request, response) => {
  ranges.push(request.headers.range);
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  answer?.(request, response);
});
let place = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  place = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
const root = mkdtempSync(join(tmpdir(), 'download-'));
afterAll(() => {
  server.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true });
  ranges = [];
});

/** Serves data whole or from where a range begins. */
const serve =
  (data: Buffer): Answer =>
  ({ headers: { range } }, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (range === undefined) response.writeHead(200, { 'content-length': data.length });
    else if (from >= data.length) response.writeHead(416);
    else {
      response.writeHead(206, {
        'content-length': data.length - from,
        'content-range': `bytes ${from}-${data.length - 1}/${data.length}`,
      });
    }
    response.end(data.subarray(from));
  };
/** Serves without ranges. */
const plain =
  (data: Buffer): Answer =>
  (_, response) =>
    response.writeHead(200, { 'content-length': data.length }).end(data);
/** Cuts the connection after some bytes of what would be sent. */
const cut =
  (data: Buffer, after: number): Answer =>
  (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': data.length - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${data.length - 1}/${data.length}` } : {}),
    });
    response.write(data.subarray(from, from + after), () => setTimeout(() => response.destroy(), 20));
  };
const status =
  (code: number): Answer =>
  (_, response) =>
    response.writeHead(code).end('no');

const load = (name: string, checksum: string, more: object = {}) =>
  downloadFiles({ root, files: [{ url: place + name, md5: checksum }], pause: 1, ...more });
const file = () => readFileSync(join(root, 'a.bin'));

describe('downloadFiles', () => {
  it('loads a file, tells how far it is, and does not load it again', async () => {
    answers = [serve(bytes)];
    const told: DownloadProgress[] = [];
    await load('a.bin', md5(bytes), { onProgress: (progress: DownloadProgress) => told.push(progress) });
    expect(file().equals(bytes)).toBe(true);
    expect(told.at(-1)).toEqual({ file: 'a.bin', done: 300_000, total: 300_000 });
    expect(readdirSync(root)).toEqual(['a.bin']);
    await load('a.bin', md5(bytes));
    expect(ranges).toEqual([undefined]);
  });

  it('goes on where the connection was cut', async () => {
    answers = [cut(bytes, 100_000), cut(bytes, 50_000), serve(bytes)];
    await load('a.bin', md5(bytes));
    expect(file().equals(bytes)).toBe(true);
    expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=150000-']);
  });

  it('goes on where an earlier call ended, and begins anew with a server without ranges', async () => {
    writeFileSync(join(root, 'a.bin.part'), bytes.subarray(0, 1000));
    answers = [serve(bytes)];
    await load('a.bin', md5(bytes));
    expect(ranges).toEqual(['bytes=1000-']);
    rmSync(join(root, 'a.bin'));
    writeFileSync(join(root, 'a.bin.part'), bytes.subarray(0, 1000));
    answers = [plain(bytes)];
    await load('a.bin', md5(bytes));
    expect(file().equals(bytes)).toBe(true);
  });

  it('takes a part that is whole for the file', async () => {
    writeFileSync(join(root, 'a.bin.part'), bytes);
    answers = [serve(bytes)];
    await load('a.bin', md5(bytes));
    expect(file().equals(bytes)).toBe(true);
  });

  it('gives up when nothing comes any more, keeping what has come', async () => {
    answers = [cut(bytes, 100_000), status(503)];
    await expect(load('a.bin', md5(bytes))).rejects.toThrow(
      /a\.bin could not be loaded after .*B \(the server says 503.*run the same command again/,
    );
    expect(readFileSync(join(root, 'a.bin.part'))).toHaveLength(100_000);
  });

  it('says that a server cannot be reached', async () => {
    const files = [{ url: 'http://127.0.0.1:9/a.bin', md5: md5(bytes) }];
    await expect(downloadFiles({ root, files, pause: 1 })).rejects.toThrow(
      /a\.bin could not be loaded \(.*Check the network/,
    );
  });

  it('deletes what has a wrong checksum', async () => {
    answers = [serve(bytes.subarray(1))];
    await expect(load('a.bin', md5(bytes))).rejects.toThrow(`${md5(bytes.subarray(1))}, expected ${md5(bytes)}`);
    expect(readdirSync(root)).toEqual([]);
  });

  it('says that a file is not there, at once', async () => {
    answers = [status(404)];
    await expect(load('a.bin', md5(bytes))).rejects.toThrow(`a.bin: the server says 404`);
    expect(ranges).toHaveLength(1);
  });

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full (skipped without /dev/full)', async () => {
    symlinkSync('/dev/full', join(root, 'a.bin.part'));
    answers = [serve(bytes)];
    await expect(load('a.bin', md5(bytes))).rejects.toThrow(`No space is left on the disk of ${root}`);
    expect(ranges).toHaveLength(1);
  });

  it('says beforehand that the disk is too small', async () => {
    answers = [(_, response) => void response.writeHead(200, { 'content-length': 2 ** 52 }).write('x')];
    await expect(load('a.bin', md5(bytes))).rejects.toThrow(/has .* free, .* are to come/);
  });

  it('can be cancelled', async () => {
    const abort = new AbortController();
    answers = [cut(bytes, 1000)];
    const loading = load('a.bin', md5(bytes), { signal: abort.signal, pause: 10_000, onProgress: () => abort.abort() });
    await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
  });

  describe('an archive', () => {
    const archive = (...entries: Buffer[]) => gzipSync(Buffer.concat([...entries, Buffer.alloc(10_240)]));
    const fetchArchive = (data: Buffer) => {
      answers = [serve(data)];
      return load('set.tar.gz', md5(data));
    };

    it('is unpacked and taken away', async () => {
      await fetchArchive(
        archive(tarEntry('set/', '', '5'), tarEntry('set/train.bin', bytes), tarEntry('set/a.txt', 'a')),
      );
      expect(readdirSync(root)).toEqual(['set']);
      expect(readFileSync(join(root, 'set/train.bin')).equals(bytes)).toBe(true);
      expect(readFileSync(join(root, 'set/a.txt'), 'utf8')).toBe('a');
    });

    it.each([
      ['leads out of the folder', archive(tarEntry('../evil', 'x')), 'leads out of it'],
      ['leads to the root', archive(tarEntry('/evil', 'x')), 'leads out of it'],
      ['is no archive', gzipSync(Buffer.alloc(2000, 'x')), 'no tar archive'],
      ['is not packed', Buffer.alloc(2000, 'x'), 'could not be unpacked'],
      ['is cut short', archive(tarEntry('set/train.bin', bytes)).subarray(0, -300), 'could not be unpacked'],
    ])('that %s leaves nothing behind', async (_, data, message) => {
      await expect(fetchArchive(data)).rejects.toThrow(message);
      expect(readdirSync(root)).toEqual(['set.tar.gz']);
    });
  });
});

describe('the places of the data sets', () => {
  it('give each file once, with a checksum', () => {
    const files = Object.values(dataSources).flat();
    expect(files.length).toBe(13);
    for (const { url, md5: checksum } of files) {
      expect(url).toMatch(/^https?:\/\/[\w.~/-]+$/);
      expect(checksum).toMatch(/^[0-9a-f]{32}$/);
    }
    expect(new Set(files.map((one) => one.md5)).size).toBe(files.length);
  });
});
