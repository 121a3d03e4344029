#include "onnx/weight_writer.h"

#include <algorithm>
#include <utility>

#include "onnx/external_data.h"
#include "support/mapped_file.h"

namespace modelexport::onnx {
namespace {

constexpr std::size_t kBlocks = 3;
constexpr int64_t kBlockBytes = int64_t{4} << 20;
// Of a mapped file that the kernel cannot copy from, so much is in memory at once.
constexpr std::size_t kMappedPiece = std::size_t{8} << 20;
constexpr int64_t kCacheLine = 64;

bool is_stored_as_it_lies(const TensorView& tensor) { return size_of(tensor.dtype) == 0 || tensor.is_contiguous(); }

// Whole rows, as many as fill cache lines of a source in which rows lie side by side (a transposed matrix).
int64_t elements_per_block(const TensorView& tensor) {
  const auto element = static_cast<int64_t>(size_of(tensor.dtype));
  const int64_t row = tensor.numel() / tensor.sizes.front();
  const int64_t rows = kBlockBytes / (row * element);
  const int64_t line = kCacheLine / element;
  if (rows == 0) return kBlockBytes / element;
  return (rows >= line ? rows / line * line : rows) * row;
}

void forget_mapped(const TensorView& tensor) {
  const Storage& storage = *tensor.storage;
  if (storage.file != nullptr) storage.file->forget(storage.file_offset, storage.size);
}

void write_as_it_lies(const TensorView& tensor, OutputFile& file) {
  const Storage& storage = *tensor.storage;
  std::span<const std::byte> rest(tensor.bytes(), stored_bytes(tensor));
  if (storage.file == nullptr) return file.write(rest);
  const auto offset = storage.file_offset + static_cast<uint64_t>(rest.data() - storage.data);
  rest = rest.subspan(file.copy(storage.file->descriptor(), offset, rest.size()));
  while (!rest.empty()) {
    const auto piece = rest.first(std::min(rest.size(), kMappedPiece));
    file.write(piece);
    storage.file->forget(storage.file_offset + static_cast<uint64_t>(piece.data() - storage.data), piece.size());
    rest = rest.subspan(piece.size());
  }
}

}  // namespace

WeightWriter::WeightWriter(const std::vector<const TensorView*>& in_order) {
  std::copy_if(in_order.begin(), in_order.end(), std::back_inserter(strided_),
               [](const TensorView* tensor) { return !is_stored_as_it_lies(*tensor); });
  if (strided_.empty()) return;
  empty_.resize(kBlocks);
  gatherer_ = std::thread([this] { gather_all(); });
}

WeightWriter::~WeightWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (gatherer_.joinable()) gatherer_.join();
}

void WeightWriter::write(const TensorView& tensor, OutputFile& file) {
  if (is_stored_as_it_lies(tensor)) {
    write_as_it_lies(tensor, file);
  } else {
    write_gathered(tensor, file);
  }
}

void WeightWriter::write_gathered(const TensorView& tensor, OutputFile& file) {
  for (uint64_t written = 0; written < tensor.nbytes();) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !full_.empty(); });
    Block block = std::move(full_.front());
    full_.pop_front();
    lock.unlock();
    file.write(std::span<const std::byte>(block.bytes.get(), block.size));
    written += block.size;
    lock.lock();
    empty_.push_back(std::move(block));
    lock.unlock();
    changed_.notify_all();
  }
}

// Returns a block without bytes when the writer has gone.
WeightWriter::Block WeightWriter::take_empty() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || !empty_.empty(); });
  if (stopped_) return {};
  Block block = std::move(empty_.front());
  empty_.pop_front();
  if (block.bytes == nullptr) block.bytes = std::make_unique_for_overwrite<std::byte[]>(kBlockBytes);
  return block;
}

void WeightWriter::gather_all() {
  for (const TensorView* tensor : strided_) {
    const int64_t step = elements_per_block(*tensor);
    for (int64_t first = 0; first < tensor->numel(); first += step) {
      Block block = take_empty();
      if (block.bytes == nullptr) return;
      const int64_t count = std::min(step, tensor->numel() - first);
      tensor->gather(first, count, block.bytes.get());
      block.size = static_cast<std::size_t>(count) * size_of(tensor->dtype);
      const std::lock_guard lock(mutex_);
      full_.push_back(std::move(block));
      changed_.notify_all();
    }
    forget_mapped(*tensor);
  }
}

}  // namespace modelexport::onnx
