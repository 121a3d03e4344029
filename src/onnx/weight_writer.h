// Writing tensors to a file without a copy of the whole: contiguous ones from where they lie, others through a few
// buffers that a second thread fills while the first one writes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "support/output_file.h"
#include "support/tensor_view.h"

namespace modelexport::onnx {

class WeightWriter {
 public:
  // `in_order`: the tensors of all calls of write(), in the order of those calls.
  explicit WeightWriter(const std::vector<const TensorView*>& in_order);
  WeightWriter(const WeightWriter&) = delete;
  WeightWriter& operator=(const WeightWriter&) = delete;
  ~WeightWriter();

  void write(const TensorView& tensor, OutputFile& file);

 private:
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t capacity = 0;
    std::size_t size = 0;
  };

  void gather_all();
  Block take_empty();
  void write_gathered(const TensorView& tensor, OutputFile& file);

  std::vector<const TensorView*> strided_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Block> empty_;
  std::deque<Block> full_;
  bool stopped_ = false;
  std::thread gatherer_;
};

}  // namespace modelexport::onnx
