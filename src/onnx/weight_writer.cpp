#include "onnx/weight_writer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "onnx/external_data.h"
#include "support/mapped_file.h"

namespace modelexport::onnx {
namespace {

constexpr std::size_t kBlocks = 4;
constexpr int64_t kBlockBytes = int64_t{2} << 20;
// The kernel copies from file to file, or lets them share blocks, as fast as it can where pages come to lie on pages.
// Elsewhere it is faster to write a mapped file piece by piece, up to where so much waits for the disk that the kernel
// slows down who writes.
constexpr uint64_t kPage = 4096;
constexpr uint64_t kQuicklyWritten = uint64_t{512} << 20;
constexpr std::size_t kMappedPiece = std::size_t{1} << 20;
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
  if (offset % kPage == file.size() % kPage || file.size() + rest.size() > kQuicklyWritten) {
    rest = rest.subspan(file.copy(storage.file->descriptor(), offset, rest.size()));
  }
  while (!rest.empty()) {
    const auto piece = rest.first(std::min(rest.size(), kMappedPiece));
    const uint64_t at = storage.file_offset + static_cast<uint64_t>(piece.data() - storage.data);
    storage.file->read_ahead(at, piece.size());
    file.write(piece);
    storage.file->forget(at, piece.size());
    rest = rest.subspan(piece.size());
  }
}

}  // namespace

WeightWriter::WeightWriter(const std::vector<const TensorView*>& in_order) {
  std::copy_if(in_order.begin(), in_order.end(), std::back_inserter(strided_),
               [](const TensorView* tensor) { return !is_stored_as_it_lies(*tensor); });
  if (strided_.empty()) return;
  for (std::size_t i = 0; i < kBlocks; ++i)
    empty_.push_back({std::make_unique_for_overwrite<std::byte[]>(kBlockBytes)});
  gatherer_ = std::thread([this] { gather_ahead(); });
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
    Block block = wait_for(written_++);
    file.write(std::span<const std::byte>(block.bytes.get(), block.size));
    written += block.size;
    const std::lock_guard lock(mutex_);
    empty_.push_back(std::move(block));
    changed_.notify_all();
  }
}

WeightWriter::Block WeightWriter::wait_for(uint64_t number) {
  std::unique_lock lock(mutex_);
  while (!gathered_.contains(number)) {
    if (can_gather()) {
      gather_next(lock);
    } else {
      changed_.wait(lock);
    }
  }
  return std::move(gathered_.extract(number).mapped());
}

void WeightWriter::gather_ahead() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || next_tensor_ == strided_.size() || can_gather(); });
    if (stopped_ || next_tensor_ == strided_.size()) return;
    gather_next(lock);
  }
}

WeightWriter::Part WeightWriter::take_next() {
  const TensorView& tensor = *strided_[next_tensor_];
  const int64_t first = next_element_;
  const int64_t count = std::min(elements_per_block(tensor), tensor.numel() - first);
  next_element_ += count;
  if (next_element_ == tensor.numel()) {
    ++next_tensor_;
    next_element_ = 0;
  }
  return {&tensor, first, count, taken_++};
}

// Holds the lock but for the gathering itself.
void WeightWriter::gather_next(std::unique_lock<std::mutex>& lock) {
  const Part part = take_next();
  Block block = std::move(empty_.back());
  empty_.pop_back();
  lock.unlock();
  part.tensor->gather(part.first, part.count, block.bytes.get());
  block.size = static_cast<std::size_t>(part.count) * size_of(part.tensor->dtype);
  if (part.first + part.count == part.tensor->numel()) forget_mapped(*part.tensor);
  lock.lock();
  gathered_.emplace(part.number, std::move(block));
  changed_.notify_all();
}

}  // namespace modelexport::onnx
