import { describe, expect, it } from 'vitest';
import type { Unpickled } from './pickle';
import { decodeTorchFile } from './torchFile';

/** A dictionary of two NumPy arrays and a list, laid out as torch.save does: a pickle in an uncompressed zip archive. */
const file = Buffer.from(
  'UEsDBBQAAAAAAAAAIQA+RPGSywEAAMsBAAAQAAAAYXJjaGl2ZS9kYXRhLnBrbIACfXEAKFgLAAAAY2xlYW5fbGFiZWxxAWNudW1weS5fY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAmNudW1weQpuZGFycmF5CnEDSwCFcQRjX2NvZGVjcwplbmNvZGUKcQVYAQAAAGJxBlgGAAAAbGF0aW4xcQeGcQhScQmHcQpScQsoSwFLCIVxDGNudW1weQpkdHlwZQpxDVgCAAAAaThxDomIh3EPUnEQKEsDWAEAAAA8cRFOTk5K/////0r/////SwB0cRJiiWgFWEAAAAAAAAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAcRNoB4ZxFFJxFXRxFmJYCwAAAHdvcnNlX2xhYmVscRdoAmgDSwCFcRhoCYdxGVJxGihLAUsIhXEbaBCJaAVYQAAAAAAAAAAAAAAAAQAAAAAAAAACAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAAAAAAABxHGgHhnEdUnEedHEfYlgGAAAAY29hcnNlcSBdcSEoSwBLAUsCSwFLAUsASwBLAmV1LlBLAwQUAAAAAAAAACEA0Z5nVQIAAAACAAAADwAAAGFyY2hpdmUvdmVyc2lvbjMKUEsBAhQDFAAAAAAAAAAhAD5E8ZLLAQAAywEAABAAAAAAAAAAAAAAAIABAAAAAGFyY2hpdmUvZGF0YS5wa2xQSwECFAMUAAAAAAAAACEA0Z5nVQIAAAACAAAADwAAAAAAAAAAAAAAgAH5AQAAYXJjaGl2ZS92ZXJzaW9uUEsFBgAAAAACAAIAewAAACgCAAAAAA==',
  'base64',
);

describe('decodeTorchFile', () => {
  it('reads a dictionary of arrays and lists', () => {
    const worse = [0, 1, 2, 1, 1, 0, 0, 2];
    expect(decodeTorchFile(file, 'x.pt')).toEqual(
      new Map<Unpickled, Unpickled>([
        ['clean_label', { shape: [8], data: BigInt64Array.from([0, 1, 2, 0, 1, 2, 0, 1].map(BigInt)) }],
        ['worse_label', { shape: [8], data: BigInt64Array.from(worse.map(BigInt)) }],
        ['coarse', worse],
      ]),
    );
  });

  it('refuses other files, and parts of one', () => {
    expect(() => decodeTorchFile(file.subarray(0, -30), 'x.pt')).toThrow('x.pt is not a file of torch.save');
    expect(() => decodeTorchFile(Buffer.from('hello'), 'x.pt')).toThrow('x.pt is not a file of torch.save');
    const other = Buffer.from(file.toString('latin1').replaceAll('data.pkl', 'data.xyz'), 'latin1');
    expect(() => decodeTorchFile(other, 'x.pt')).toThrow('x.pt holds no uncompressed data.pkl');
  });
});
