// Field numbers of onnx/onnx.proto, for the messages and fields that are read or written.
#pragma once

#include <cstdint>
#include <protozero/types.hpp>

namespace modelexport::onnx::wire {

using Tag = protozero::pbf_tag_type;

enum class ModelProto : Tag {
  IrVersion = 1,
  ProducerName = 2,
  ProducerVersion = 3,
  DocString = 6,
  Graph = 7,
  OpsetImport = 8,
  MetadataProps = 14,
  Functions = 25,
};

enum class OperatorSetIdProto : Tag { Domain = 1, Version = 2 };

enum class StringStringEntryProto : Tag { Key = 1, Value = 2 };

enum class GraphProto : Tag {
  Node = 1,
  Name = 2,
  Initializer = 5,
  Input = 11,
  Output = 12,
  ValueInfo = 13,
  SparseInitializer = 15,
};

enum class NodeProto : Tag {
  Input = 1,
  Output = 2,
  Name = 3,
  OpType = 4,
  Attribute = 5,
  Domain = 7,
  Overload = 8,
  MetadataProps = 9,
};

enum class AttributeProto : Tag {
  Name = 1,
  Float = 2,
  Int = 3,
  String = 4,
  Tensor = 5,
  Graph = 6,
  Floats = 7,
  Ints = 8,
  Strings = 9,
  Tensors = 10,
  Graphs = 11,
  Type = 20,
  RefAttrName = 21,
};

enum class AttributeType : int32_t {
  Undefined = 0,
  Float = 1,
  Int = 2,
  String = 3,
  Tensor = 4,
  Graph = 5,
  Floats = 6,
  Ints = 7,
  Strings = 8,
};

enum class TensorProto : Tag {
  Dims = 1,
  DataType = 2,
  Segment = 3,
  FloatData = 4,
  Int32Data = 5,
  StringData = 6,
  Int64Data = 7,
  Name = 8,
  RawData = 9,
  DoubleData = 10,
  Uint64Data = 11,
  ExternalData = 13,
  DataLocation = 14,
};

enum class DataLocation : int32_t { Default = 0, External = 1 };

enum class SparseTensorProto : Tag { Values = 1, Indices = 2, Dims = 3 };

enum class ValueInfoProto : Tag { Name = 1, Type = 2 };

enum class TypeProto : Tag { TensorType = 1, SequenceType = 4, OptionalType = 9 };

// Of TypeProto.Tensor; TypeProto.Sequence and TypeProto.Optional have `ElemType`, a TypeProto, under the same number.
enum class TensorType : Tag { ElemType = 1, Shape = 2 };

enum class TensorShapeProto : Tag { Dim = 1 };

enum class Dimension : Tag { DimValue = 1, DimParam = 2 };

enum class FunctionProto : Tag {
  Name = 1,
  Input = 4,
  Output = 5,
  Attribute = 6,
  Node = 7,
  OpsetImport = 9,
  Domain = 10,
  AttributeProto = 11,
  ValueInfo = 12,
  Overload = 13,
};

}  // namespace modelexport::onnx::wire
