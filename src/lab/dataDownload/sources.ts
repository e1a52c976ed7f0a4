import type { DataSetName } from '../../protocol/data';

/** A file that is offered for download. */
export interface RemoteFile {
  url: string;
  /** Of the whole file, in hexadecimal. */
  md5: string;
}

/** A file called ….tar.gz is unpacked, any other is left as it is. */
const files = (place: string, checksums: Record<string, string>): RemoteFile[] =>
  Object.entries(checksums).map(([name, md5]) => ({ url: place + name, md5 }));

/**
 * Where the data sets are published, with the checksums that their home pages give, or where these give none those of
 * torchvision. Data sets that are not named are built in, or the user's own.
 */
export const dataSources: Partial<Record<DataSetName, readonly RemoteFile[]>> = {
  // MNIST's home page no longer offers its files; these are the copies that torchvision takes first.
  mnist: files('https://ossci-datasets.s3.amazonaws.com/mnist/', {
    'train-images-idx3-ubyte.gz': 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    'train-labels-idx1-ubyte.gz': 'd53e105ee54ea40749a09fcbcd1e9432',
    't10k-images-idx3-ubyte.gz': '9fb629c4189551a2d022fa330f9573f3',
    't10k-labels-idx1-ubyte.gz': 'ec29112dd5afa0611ce80d1b7f02629c',
  }),
  'fashion-mnist': files('http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/', {
    'train-images-idx3-ubyte.gz': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
    'train-labels-idx1-ubyte.gz': '25c81989df183df01b3e8a0aad5dffbe',
    't10k-images-idx3-ubyte.gz': 'bef4ecab320f06d8554ea6380940ec79',
    't10k-labels-idx1-ubyte.gz': 'bb300cfdad3c16e7a12a480ee83cd310',
  }),
  cifar10: files('https://www.cs.toronto.edu/~kriz/', { 'cifar-10-binary.tar.gz': 'c32a1d4ab5d03f1284b67883e8d87530' }),
  cifar100: files('https://www.cs.toronto.edu/~kriz/', {
    'cifar-100-binary.tar.gz': '03b5dce01913d631647c71ecec9e9cb8',
  }),
  svhn: files('http://ufldl.stanford.edu/housenumbers/', {
    'train_32x32.mat': 'e26dedcc434d2e4c54c9b2d4a06d8373',
    'test_32x32.mat': 'eb5a983be6a315427106f1b164d9cef3',
  }),
  stl10: files('http://ai.stanford.edu/~acoates/stl10/', {
    'stl10_binary.tar.gz': '91f7769df0f17e558f3565bffb0c7dfb',
  }),
};
