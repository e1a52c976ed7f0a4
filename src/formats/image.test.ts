import { createHash } from 'node:crypto';
import { encode as encodeJpeg } from 'jpeg-js';
import { describe, expect, it } from 'vitest';
import { decodeImage, resizeAndCrop, type RgbImage } from './image';

const decode = (base64: string) => decodeImage(Buffer.from(base64, 'base64'), 'x');

/** The image that Pillow made the check values of. */
function pattern(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      data.set([x * 37 + y * 11, x * x * 5 + y * 50, x * y * 13], (y * width + x) * 3);
    }
  }
  return { width, height, data };
}

/** Bytes [height, width, 4]. */
const withAlpha = ({ data }: RgbImage) =>
  Array.from({ length: (data.length / 3) * 4 }, (_, i) => (i % 4 === 3 ? 255 : data[(i >> 2) * 3 + (i % 4)]!));

const colours = [...pattern(3, 2).data];
const grey = (values: number[]) => values.flatMap((value) => [value, value, value]);

describe('decodeImage', () => {
  // Pillow wrote them.
  it.each<[string, string, number[]]>([
    [
      'a palette',
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACBAMAAABvWnspAAAAElBMVEVVRhowNw0LMgBKFAAlBQAAAAAQ0dbGAAAADklEQVR4nGMMucOgyAAABWIBU7z9z9YAAAAASUVORK5CYII=',
      colours,
    ],
    [
      'colour with transparency',
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAAIklEQVR4nGNkYGD4r8rKwKDKz8DAwm3EwMDNysvAzc/LAAAhCgHk88flQwAAAABJRU5ErkJggg==',
      colours,
    ],
    [
      'grey',
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAAAAAC4HznGAAAAEElEQVR4nGNk4BNhVOQXBQABYgBqEh7sDQAAAABJRU5ErkJggg==',
      grey([0, 14, 34, 33, 48, 69]),
    ],
    [
      'grey with transparency',
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAQAAAA3fa6RAAAAFklEQVR4nGNk+M/HIMLAosjAzyDKAAAOpgFsLVFuqgAAAABJRU5ErkJggg==',
      grey([0, 14, 34, 33, 48, 69]),
    ],
    [
      'black and white',
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAQAAAAC1D1u3AAAADElEQVR4nGNYwHQAAAKoAWOa7lh0AAAAAElFTkSuQmCC',
      grey([255, 0, 255, 0, 255, 255]),
    ],
    [
      'grey of 16 bits',
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACEAAAAADoj+WFAAAAFklEQVR4nGNgYGBk+P+fqYGB4T/LSwAYBARu4x7htwAAAABJRU5ErkJggg==',
      grey([0, 1, 255, 128, 1, 3]),
    ],
    // Written by hand, with the chunk PLTE, which such images may have to suggest a palette.
    [
      'colour with a suggested palette',
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAADFBMVEX/AAAA/wAAAP8JCQlccX6GAAAAHElEQVR42mNgYGBQZWXwEmFg4DZiMDDnDXWTAgANYAHv1Ek8XAAAAABJRU5ErkJggg==',
      colours,
    ],
    [
      'colour with transparency and a suggested palette',
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAADFBMVEX/AAAA/wAAAP8JCQlccX6GAAAAIklEQVR42mNgYGBoUGVlaPASYWhg4DZiaDAw520IdZNqAAA0hATv2f8MtgAAAABJRU5ErkJggg==',
      colours,
    ],
  ])('reads a PNG of %s', async (_, base64, values) => {
    const { width, height, data } = await decode(base64);
    expect([width, height]).toEqual([3, 2]);
    expect([...data]).toEqual(values);
  });

  // Two pixels of the first row and two of the last, as Pillow reads them.
  it.each<[string, string, number[]]>([
    [
      'colour',
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAIAAgDAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAB//EABkQAAEFAAAAAAAAAAAAAAAAAAAGCCQyov/EABUBAQEAAAAAAAAAAAAAAAAAAAYH/8QAFxEBAAMAAAAAAAAAAAAAAAAABgAiMv/aAAwDAQACEQMRAD8AHUm3mkbJb0ybVoXHMM2n/9k=',
      [137, 0, 130, 4, 23, 201, 3, 174, 200, 19, 175, 190],
    ],
    [
      'grey, progressive',
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wgALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABv/aAAgBAQAAAAEd/8QAFhAAAwAAAAAAAAAAAAAAAAAAAAQG/9oACAEBAAEFAlJ4/8QAFRABAQAAAAAAAAAAAAAAAAAAADL/2gAIAQEABj8Cl//EABYQAAMAAAAAAAAAAAAAAAAAAAAxwf/aAAgBAQABPyFMH//aAAgBAQAAABB//8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxAb/9k=',
      [56, 56, 56, 38, 38, 38, 126, 126, 126, 130, 130, 130],
    ],
    [
      'CMYK',
      '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwLCgwJCgoK/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAgJ/8QAHhAAAQEJAAAAAAAAAAAAAAAAAAgJGURFZoGCo+H/2gAOBEMATQBZAEsAAD8AC7JKWYBdcb0fo4JRW0Vcv4f/2Q==',
      [140, 0, 130, 0, 25, 200, 0, 175, 200, 20, 175, 190],
    ],
  ])('reads a JPEG of %s', async (_, base64, values) => {
    const { width, height, data } = await decode(base64);
    expect([width, height, data.length]).toEqual([8, 8, 192]);
    const found = [...data.subarray(21, 27), ...data.subarray(168, 174)];
    found.forEach((value, i) => expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(3));
  });

  it('reads a JPEG of halved colours as Pillow, in every byte', async () => {
    const { width, height, data } = await decode(
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/wAARCAAMABQDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDrks/m6VMtoAoJwAOpNXrx/s8YdFUknHNZ7SvKclmAbqqk4/KvFrUMJlK96HM/w1/4Y+W4NpOpynM+Kdck0rUI4Lc2jI0QcmQknOSOxHpRXL+MYl/4SS84/uf+gLRXvYfGQdKLlQg213Z6eZ5xj6eLqwpVpRjGTSXo7H//2Q==',
    );
    expect([width, height]).toEqual([20, 12]);
    expect([...data.subarray(0, 12)]).toEqual([11, 247, 14, 17, 245, 12, 26, 239, 9, 38, 233, 9]);
    expect(createHash('sha256').update(data).digest('hex').slice(0, 16)).toBe('c3e6dba7ade839dd');
  });

  describe('of a JPEG that libjpeg warns of', () => {
    const whole = encodeJpeg({ width: 40, height: 30, data: Buffer.from(withAlpha(pattern(40, 30))) }, 90).data;

    it.each([
      ['with bytes before its end', Buffer.concat([whole.subarray(0, -2), Buffer.from('abc'), whole.subarray(-2)])],
      // Bytes 11 and 12 hold the revision.
      ['of JFIF’s revision 0.00', Buffer.from(whole).fill(0, 11, 13)],
    ])('reads one %s', async (_, bytes) => {
      const [expected, found] = [await decodeImage(whole, 'x'), await decodeImage(bytes, 'x')];
      expect([found.width, found.height, found.data.length]).toEqual([40, 30, 3600]);
      found.data.forEach((value, i) => expect(Math.abs(value - expected.data[i]!)).toBeLessThanOrEqual(3));
    });

    it.each([0.2, 0.5, 0.9, 0.999])('refuses one that is cut to %d of its length', async (share) => {
      const cut = whole.subarray(0, Math.trunc(share * whole.length));
      await expect(decodeImage(cut, 'x')).rejects.toThrow('x is a damaged image (');
    });
  });

  it.each([
    [
      'a damaged PNG',
      Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAAIklEQVR4nGNkYGD4r8rKwKDKz8DAwm3EwMDNysvAzc/LAAAhCgHk88flQwAAAABJRU5ErkJggg==',
        'base64',
      ).fill(0, 50, 54),
      'x is a damaged image (',
    ],
    [
      'a PNG cut short',
      Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAAIklEQVR4nGNkYGD4r8rKwKDKz8DAwm3EwMDNysvAzc/LAAAhCgHk88flQwAAAABJRU5ErkJggg==',
        'base64',
      ).subarray(0, 60),
      'x is a damaged image (',
    ],
    ['a JPEG cut short', Buffer.from('/9j/4AAQSkZJRgABAQ', 'base64'), 'x is a damaged image ('],
    ['another format', Buffer.from('GIF89a'), 'x is neither a PNG nor a JPEG'],
    ['an empty file', Buffer.alloc(0), 'x is neither a PNG nor a JPEG'],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(decodeImage(bytes, 'x')).rejects.toThrow(message);
  });
});

describe('resizeAndCrop', () => {
  // Pillow 12: resize(BILINEAR) to the shorter side as torchvision's Resize does, then its CenterCrop.
  it.each<[number, number, number, number[]]>([
    [
      7,
      5,
      3,
      [
        24, 24, 3, 82, 45, 12, 150, 100, 22, 41, 103, 14, 99, 124, 54, 167, 168, 102, 58, 182, 24, 116, 203, 96, 184,
        131, 153,
      ],
    ],
    [
      4,
      9,
      3,
      [
        46, 162, 13, 91, 174, 63, 135, 199, 113, 64, 211, 19, 109, 152, 93, 153, 106, 167, 79, 85, 24, 124, 82, 122,
        168, 93, 158,
      ],
    ],
    [
      3,
      2,
      4,
      [
        9, 1, 0, 28, 4, 0, 46, 9, 0, 65, 16, 0, 12, 14, 1, 31, 17, 3, 49, 22, 4, 68, 29, 6, 17, 39, 2, 36, 42, 8, 54,
        47, 12, 73, 54, 17, 20, 51, 3, 39, 54, 10, 57, 59, 16, 76, 66, 23,
      ],
    ],
    [
      12,
      8,
      5,
      [
        81, 43, 11, 148, 97, 20, 189, 167, 29, 57, 143, 38, 80, 146, 47, 97, 119, 51, 164, 165, 96, 205, 130, 134, 73,
        109, 140, 96, 165, 147, 115, 190, 93, 182, 141, 148, 169, 87, 122, 69, 137, 96, 114, 105, 125, 132, 98, 135,
        199, 90, 104, 132, 147, 106, 64, 140, 115, 131, 131, 102, 148, 97, 137, 190, 151, 108, 84, 144, 132, 80, 93,
        118, 147, 168, 121,
      ],
    ],
  ])('makes of %i × %i what Pillow makes, at size %i', (width, height, size, values) => {
    const made = resizeAndCrop(pattern(width, height), size);
    expect(made).toHaveLength(size * size * 3);
    made.forEach((value, i) => expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(1));
  });

  it('leaves an image of that size as it is', () => {
    expect(resizeAndCrop(pattern(4, 4), 4)).toEqual(pattern(4, 4).data);
  });
});
