#include "onnx/read_tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <protozero/varint.hpp>
#include <utility>
#include <vector>

#include "onnx/encode_parts.h"
#include "onnx/read_common.h"

namespace modelexport::onnx {

using namespace wire;

namespace {

using TensorMessage = Message<TensorProto>;

// The numbers of the types that are narrower than a byte; such a tensor has several elements in one.
constexpr int kUInt4 = 21;
constexpr int kInt4 = 22;
constexpr int kFloat4 = 23;
constexpr int kFloat8E8M0 = 24;
constexpr int kUInt2 = 25;
constexpr int kInt2 = 26;

int bits_of(DType dtype) {
  switch (static_cast<int>(dtype)) {
    case kUInt4:
    case kInt4:
    case kFloat4:
      return 4;
    case kUInt2:
    case kInt2:
      return 2;
    case kFloat8E8M0:
      return 8;
    default:
      return static_cast<int>(size_of(dtype)) * 8;
  }
}

// Throws where the product of all sizes but zeros is beyond any memory, so that nothing overflows later.
template <typename Tag>
uint64_t element_count(const Message<Tag>& message, const std::vector<int64_t>& sizes) {
  int64_t count = 16;  // bytes of the widest element
  bool empty = false;
  for (const auto size : sizes) {
    if (size < 0) message.fail_here("dimension " + std::to_string(size) + " is negative");
    empty |= size == 0;
    if (size != 0 && __builtin_mul_overflow(count, size, &count)) {
      message.fail_here("the dimensions are beyond any memory");
    }
  }
  return empty ? 0 : static_cast<uint64_t>(count / 16);
}

uint64_t data_size(DType dtype, uint64_t elements) {
  const auto bits = static_cast<uint64_t>(bits_of(dtype));
  return bits % 8 == 0 ? elements * (bits / 8) : (elements * bits + 7) / 8;
}

std::shared_ptr<const Storage> storage_in(const FileBytes& file, std::string_view bytes) {
  auto storage = std::make_shared<Storage>();
  storage->data = reinterpret_cast<const std::byte*>(bytes.data());
  storage->size = bytes.size();
  storage->owner = file.owner;
  storage->file = file.file;
  storage->file_offset = static_cast<uint64_t>(bytes.data() - file.bytes.data());
  return storage;
}

std::shared_ptr<const Storage> storage_of_own(std::string bytes) {
  auto owner = std::make_shared<std::string>(std::move(bytes));
  auto storage = std::make_shared<Storage>();
  storage->data = reinterpret_cast<const std::byte*>(owner->data());
  storage->size = owner->size();
  storage->owner = std::move(owner);
  return storage;
}

uint64_t parse_number(const TensorMessage& message, std::string_view key, std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > static_cast<uint64_t>(INT64_MAX)) {
    message.fail_here("external data have " + std::string(key) + " '" + std::string(text) + "'");
  }
  return number;
}

struct ExternalEntries {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

void read_external_entry(TensorMessage& message, ExternalEntries& external) {
  const auto [key, value] = read_entry(message);
  if (key == "location") external.location = value;
  if (key == "offset") external.offset = parse_number(message, key, value);
  if (key == "length") external.length = parse_number(message, key, value);
}

struct Header {
  ReadTensor tensor;
  ExternalEntries external;
};

// Everything but the data, which need the type.
Header read_header(TensorMessage message) {
  Header header;
  TensorView& data = header.tensor.data;
  while (message.next()) {
    switch (message.tag()) {
      case TensorProto::Dims:
        message.integers([&](int64_t dim) { data.sizes.push_back(dim); });
        break;
      case TensorProto::DataType: {
        const auto number = message.integer();
        if (number < 1 || number > 255) message.fail_here("data type " + std::to_string(number) + " is none of ONNX");
        data.dtype = static_cast<DType>(number);
        break;
      }
      case TensorProto::Name:
        header.tensor.name = message.bytes();
        break;
      case TensorProto::ExternalData:
        read_external_entry(message, header.external);
        break;
      case TensorProto::DataLocation:
        header.tensor.is_external = message.integer() == static_cast<int64_t>(DataLocation::External);
        break;
      case TensorProto::Segment:
        message.fail_here("tensors in segments are not supported");
      default:
        message.skip();
    }
  }
  if (data.dtype == DType::Undefined) message.fail_here("a tensor has no data type");
  return header;
}

// The data as one piece: in the file if they are there like that, else collected here.
class DataReader {
 public:
  DataReader(DType dtype, const FileBytes& file) : dtype_(dtype), file_(file) {}

  void read(TensorMessage& message);
  [[nodiscard]] std::shared_ptr<const Storage> storage() &&;
  [[nodiscard]] uint64_t strings() const { return strings_; }

 private:
  void integers(TensorMessage& message, bool allowed);
  template <typename Number>
  void numbers(TensorMessage& message, bool allowed);
  void string(TensorMessage& message);
  void require(TensorMessage& message, bool allowed) const;

  DType dtype_;
  const FileBytes& file_;
  std::optional<std::string_view> piece_;  // in the file
  std::string collected_;
  uint64_t strings_ = 0;
};

void DataReader::require(TensorMessage& message, bool allowed) const {
  if (allowed) return;
  message.fail_here("field " + std::to_string(static_cast<Tag>(message.tag())) + " does not hold data of " +
                    (dtype_ == DType::Undefined ? "this type" : std::string(name_of(dtype_))));
}

// Little endian, as raw_data is, and as wide as an element.
void DataReader::integers(TensorMessage& message, bool allowed) {
  require(message, allowed);
  const std::size_t width = std::max<std::size_t>(size_of(dtype_), 1);
  message.integers([&](int64_t number) { collected_.append(reinterpret_cast<const char*>(&number), width); });
}

template <typename Number>
void DataReader::numbers(TensorMessage& message, bool allowed) {
  require(message, allowed);
  const auto bytes = message.fixed_width_bytes<Number>();
  if (!piece_ && collected_.empty()) {
    piece_ = bytes;
    return;
  }
  if (collected_.empty()) collected_ = *piece_;
  piece_.reset();
  collected_ += bytes;
}

void DataReader::string(TensorMessage& message) {
  require(message, dtype_ == DType::String);
  const auto bytes = message.bytes();
  append_field_header(collected_, static_cast<Tag>(TensorProto::StringData), bytes.size());
  collected_ += bytes;
  ++strings_;
}

void DataReader::read(TensorMessage& message) {
  const bool is_wide = dtype_ == DType::Int64 || dtype_ == DType::UInt64 || dtype_ == DType::UInt32;
  const bool is_fixed = dtype_ == DType::Float32 || dtype_ == DType::Float64 || is_complex(dtype_);
  while (message.next()) {
    switch (message.tag()) {
      case TensorProto::RawData:
        require(message, dtype_ != DType::String);
        piece_ = message.bytes();
        collected_.clear();
        break;
      case TensorProto::FloatData:
        numbers<float>(message, dtype_ == DType::Float32 || dtype_ == DType::Complex64);
        break;
      case TensorProto::DoubleData:
        numbers<double>(message, dtype_ == DType::Float64 || dtype_ == DType::Complex128);
        break;
      case TensorProto::Int32Data:
        integers(message, !is_wide && !is_fixed && dtype_ != DType::String);
        break;
      case TensorProto::Int64Data:
        integers(message, dtype_ == DType::Int64);
        break;
      case TensorProto::Uint64Data:
        integers(message, dtype_ == DType::UInt64 || dtype_ == DType::UInt32);
        break;
      case TensorProto::StringData:
        string(message);
        break;
      default:
        message.skip();
    }
  }
}

std::shared_ptr<const Storage> DataReader::storage() && {
  return piece_ ? storage_in(file_, *piece_) : storage_of_own(std::move(collected_));
}

void read_external(const TensorMessage& message, const ExternalEntries& external, uint64_t elements,
                   ReadTensor& tensor) {
  const auto expected = data_size(tensor.data.dtype, elements);
  tensor.location = external.location;
  tensor.offset = external.offset;
  tensor.length = external.length.value_or(expected);
  if (tensor.location.empty()) message.fail_here("external data have no location");
  if (tensor.data.dtype == DType::String) message.fail_here("external data cannot be strings");
  if (bits_of(tensor.data.dtype) > 0 && tensor.length != expected) {
    message.fail_here(std::to_string(tensor.length) + " bytes of external data where the dimensions ask for " +
                      std::to_string(expected));
  }
}

void read_data(TensorMessage message, uint64_t elements, const FileBytes& file, TensorView& tensor) {
  DataReader data(tensor.dtype, file);
  data.read(message);
  const bool is_string = tensor.dtype == DType::String;
  const auto strings = data.strings();
  tensor.storage = std::move(data).storage();
  const auto found = is_string ? strings : tensor.storage->size;
  const auto expected = is_string ? elements : data_size(tensor.dtype, elements);
  if (found != expected && (is_string || bits_of(tensor.dtype) > 0)) {
    message.fail_here(std::to_string(found) + (is_string ? " strings" : " bytes") +
                      " of data where the dimensions ask for " + std::to_string(expected));
  }
}

// Positions in the dense tensor, of indices[n] or indices[n, rank].
std::vector<uint64_t> sparse_positions(const Message<SparseTensorProto>& message, const TensorView& indices,
                                       const std::vector<int64_t>& dims, uint64_t values) {
  const bool is_linear = indices.sizes.size() == 1;
  const std::vector<int64_t> extents =
      is_linear ? std::vector{static_cast<int64_t>(element_count(message, dims))} : dims;
  const auto width = extents.size();
  if (indices.dtype != DType::Int64 || indices.storage == nullptr ||
      indices.storage->size / sizeof(int64_t) != values * width) {
    message.fail_here("the indices of a sparse tensor do not fit its values");
  }
  std::vector<uint64_t> positions(values, 0);
  for (std::size_t i = 0; i < values * width; ++i) {
    int64_t index = 0;
    std::memcpy(&index, indices.bytes() + i * sizeof(index), sizeof(index));
    const auto extent = extents[i % width];
    if (index < 0 || index >= extent) message.fail_here("index " + std::to_string(index) + " of a sparse tensor");
    auto& position = positions[i / width];
    position = position * static_cast<uint64_t>(extent) + static_cast<uint64_t>(index);
  }
  return positions;
}

struct SparseParts {
  ReadTensor values;
  ReadTensor indices;
  std::vector<int64_t> dims;
};

SparseParts read_sparse_parts(Message<SparseTensorProto> message, const FileBytes& file) {
  SparseParts parts;
  while (message.next()) {
    switch (message.tag()) {
      case SparseTensorProto::Values:
        parts.values = read_tensor(message.message<TensorProto>(), file);
        break;
      case SparseTensorProto::Indices:
        parts.indices = read_tensor(message.message<TensorProto>(), file);
        break;
      case SparseTensorProto::Dims:
        message.integers([&](int64_t dim) { parts.dims.push_back(dim); });
        break;
      default:
        message.skip();
    }
  }
  return parts;
}

}  // namespace

ReadTensor read_tensor(Message<TensorProto> message, const FileBytes& file) {
  Header header = read_header(message);
  ReadTensor& tensor = header.tensor;
  in_context([&] { return "tensor '" + std::string(tensor.name) + "'"; },
             [&] {
               const auto elements = element_count(message, tensor.data.sizes);
               tensor.data.strides = contiguous_strides(tensor.data.sizes);
               if (tensor.is_external) {
                 read_external(message, header.external, elements, tensor);
               } else {
                 read_data(message, elements, file, tensor.data);
               }
             });
  return std::move(tensor);
}

ReadTensor read_sparse_tensor(Message<SparseTensorProto> message, const FileBytes& file, uint64_t max_bytes) {
  auto [values, indices, dims] = read_sparse_parts(message, file);
  const auto width = size_of(values.data.dtype);
  const auto size = element_count(message, dims) * width;
  if (width == 0 || values.is_external || indices.is_external) {
    message.fail_here("a sparse tensor without numbers in the file is not supported");
  }
  if (size > max_bytes) {
    message.fail_here("a sparse tensor of " + std::to_string(size) + " bytes, where " + std::to_string(max_bytes) +
                      " are allowed");
  }
  const auto count = static_cast<uint64_t>(values.data.numel());
  const auto positions = sparse_positions(message, indices.data, dims, count);
  std::vector<std::byte> dense(size);
  for (uint64_t i = 0; i < count; ++i) {
    std::memcpy(dense.data() + positions[i] * width, values.data.bytes() + i * width, width);
  }
  values.data = make_tensor(values.data.dtype, dims, std::move(dense));
  return std::move(values);
}

}  // namespace modelexport::onnx
