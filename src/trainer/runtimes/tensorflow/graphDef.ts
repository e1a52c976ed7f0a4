import protobuf from 'protobufjs/light.js';

/** Numbers of TensorFlow's data types (types.proto). */
export const dataTypes = { float32: 1, int32: 3, uint8: 4, int64: 9, bool: 10 } as const;

/** One attribute of an operation, as it stands in a NodeDef. */
export type Attribute =
  | { s: Uint8Array }
  | { i: number }
  | { f: number }
  | { b: boolean }
  | { type: number }
  | { shape: Shape }
  | { tensor: { dtype: number; tensorShape: Shape; tensorContent: Uint8Array } }
  | { list: { s?: Uint8Array[]; i?: number[]; f?: number[]; b?: boolean[] } };

interface Shape {
  dim: { size: number }[];
}

/** One operation of a graph. Inputs are `name:output`, or `^name` for one that must only come first. */
export interface GraphNode {
  name: string;
  op: string;
  input: string[];
  attr: Record<string, Attribute>;
}

export function shapeOf(shape: readonly number[]): Shape {
  return { dim: shape.map((size) => ({ size })) };
}

const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });

const attributes: protobuf.IMapField = { keyType: 'string', type: 'AttrValue', id: 5 };

/** The few of TensorFlow's messages (core/framework/*.proto, core/protobuf/*.proto) that a graph consists of. */
const { root } = protobuf.Root.fromJSON({
  nested: {
    SavedModel: {
      fields: { savedModelSchemaVersion: { type: 'int64', id: 1 }, metaGraphs: repeated('MetaGraphDef', 2) },
    },
    MetaGraphDef: { fields: { metaInfoDef: { type: 'MetaInfoDef', id: 1 }, graphDef: { type: 'GraphDef', id: 2 } } },
    MetaInfoDef: { fields: { tags: repeated('string', 4) } },
    GraphDef: { fields: { node: repeated('NodeDef', 1), versions: { type: 'VersionDef', id: 4 } } },
    VersionDef: { fields: { producer: { type: 'int32', id: 1 } } },
    NodeDef: {
      fields: {
        name: { type: 'string', id: 1 },
        op: { type: 'string', id: 2 },
        input: repeated('string', 3),
        attr: attributes,
      },
    },
    AttrValue: {
      // Else a value of 0 would not be written.
      oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor'] } },
      fields: {
        list: { type: 'ListValue', id: 1 },
        s: { type: 'bytes', id: 2 },
        i: { type: 'int64', id: 3 },
        f: { type: 'float', id: 4 },
        b: { type: 'bool', id: 5 },
        type: { type: 'int32', id: 6 },
        shape: { type: 'TensorShapeProto', id: 7 },
        tensor: { type: 'TensorProto', id: 8 },
      },
    },
    ListValue: {
      fields: { s: repeated('bytes', 2), i: repeated('int64', 3), f: repeated('float', 4), b: repeated('bool', 5) },
    },
    TensorShapeProto: { fields: { dim: repeated('Dim', 2) } },
    Dim: { fields: { size: { type: 'int64', id: 1 } } },
    TensorProto: {
      fields: {
        dtype: { type: 'int32', id: 1 },
        tensorShape: { type: 'TensorShapeProto', id: 2 },
        tensorContent: { type: 'bytes', id: 4 },
      },
    },
  },
});

/** The version of graph that this is written for: any that knows all operations in use and is not newer than a reader. */
const producer = 1087;

/** A graph as the bytes of `saved_model.pb`. */
export function encodeSavedModel(nodes: readonly GraphNode[]): Uint8Array {
  const type = root.lookupType('SavedModel');
  return type
    .encode({
      savedModelSchemaVersion: 1,
      metaGraphs: [{ metaInfoDef: { tags: ['serve'] }, graphDef: { node: nodes, versions: { producer } } }],
    })
    .finish();
}
