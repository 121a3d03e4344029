// Writing tensors to a file without a copy of the whole: contiguous ones from where they lie, others through a few
// blocks that a second thread gathers ahead, and the writing one too where it would wait.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
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
    std::size_t size = 0;  // of what was gathered into it
  };
  // The next elements of the strided tensors that nobody gathers yet.
  struct Part {
    const TensorView* tensor;
    int64_t first;
    int64_t count;
    uint64_t number;
  };

  void gather_ahead();
  [[nodiscard]] bool can_gather() const { return next_tensor_ < strided_.size() && !empty_.empty(); }
  Part take_next();
  void gather_next(std::unique_lock<std::mutex>& lock);
  Block wait_for(uint64_t number);
  void write_gathered(const TensorView& tensor, OutputFile& file);

  std::vector<const TensorView*> strided_;
  uint64_t written_ = 0;  // parts

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::size_t next_tensor_ = 0;
  int64_t next_element_ = 0;
  uint64_t taken_ = 0;  // parts
  std::vector<Block> empty_;
  std::map<uint64_t, Block> gathered_;  // by number of the part
  bool stopped_ = false;
  std::thread gatherer_;
};

}  // namespace modelexport::onnx
