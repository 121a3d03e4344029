// How long writing a model takes against writing the same bytes and nothing else.
//
//   write_bench [folder] [MB]
//
// Prints medians of several rounds, as ratios: weights as they lie, all transposed, read from a mapped file.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "onnx/reader.h"
#include "onnx/writer.h"

namespace modelexport {
namespace {

constexpr int kRounds = 7;
constexpr int64_t kRows = 3072;
constexpr int64_t kColumns = 768;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

// Matrices of float32, each in a MatMul of its own.
onnx::Model make_model(uint64_t megabytes, bool transposed) {
  onnx::Model model;
  model.opsets = {{"", 20}};
  model.graph.name = "main";
  const auto matrices = (megabytes << 20) / (kRows * kColumns * sizeof(float));
  onnx::Value input;
  input.name = "x";
  input.dtype = DType::Float32;
  input.shape = onnx::Shape{{1, ""}, {transposed ? kColumns : kRows, ""}};
  model.graph.inputs = {model.add_value(input)};
  for (uint64_t i = 0; i < matrices; ++i) {
    std::vector<std::byte> bytes(kRows * kColumns * sizeof(float));
    for (std::size_t at = 0; at < bytes.size(); at += 4096) std::memcpy(bytes.data() + at, &i, sizeof(i));
    auto weight = make_tensor(DType::Float32, {kRows, kColumns}, std::move(bytes));
    if (transposed) {
      std::swap(weight.sizes[0], weight.sizes[1]);
      std::swap(weight.strides[0], weight.strides[1]);
    }
    onnx::Value value;
    value.name = "weight_" + std::to_string(i);
    value.initializer = static_cast<int32_t>(i);
    onnx::Initializer initializer;
    initializer.value = model.add_value(value);
    initializer.data = weight;
    model.initializers.push_back(initializer);
    onnx::Node node;
    node.op_type = "MatMul";
    node.name = "/layer." + std::to_string(i) + "/MatMul";
    value.name = "y_" + std::to_string(i);
    value.initializer = -1;
    node.inputs = {model.graph.inputs.front(), initializer.value};
    node.outputs = {model.add_value(value)};
    model.graph.outputs.push_back(node.outputs.front());
    model.graph.nodes.push_back(node);
  }
  return model;
}

void write_plainly(const onnx::Model& model, const std::string& path) {
  const auto temporary = path + ".tmp";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  for (const auto& initializer : model.initializers) {
    const std::byte* bytes = initializer.data.bytes();
    for (uint64_t left = initializer.data.nbytes(); left > 0;) {
      const auto written = ::write(file, bytes, left);
      if (written <= 0) std::abort();
      bytes += written;
      left -= static_cast<uint64_t>(written);
    }
  }
  ::close(file);
  std::filesystem::rename(temporary, path);
}

// The two take turns, so that what else the machine does hits both.
void compare(const char* name, const onnx::Model& model, const onnx::Model& plain, const std::string& path) {
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int round = 0; round <= kRounds; ++round) {
    std::filesystem::remove(path);
    const double plainly = seconds([&] { write_plainly(plain, path); });
    std::filesystem::remove(path);
    const double writing = seconds([&] { onnx::write_model(model, path); });
    if (round == 0) continue;
    theirs.push_back(plainly);
    ours.push_back(writing);
  }
  std::printf("%-12s %6.1f ms, plain write %6.1f ms, ratio %.2f\n", name, median(ours) * 1e3, median(theirs) * 1e3,
              median(ours) / median(theirs));
}

}  // namespace
}  // namespace modelexport

int main(int argc, char** argv) {
  using namespace modelexport;
  const std::filesystem::path folder = argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string();
  const uint64_t megabytes = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 400;
  const auto path = (folder / "write_bench.onnx").string();
  const auto contiguous = make_model(megabytes, false);
  compare("contiguous", contiguous, contiguous, path);
  compare("transposed", make_model(megabytes, true), contiguous, path);
  const auto source = (folder / "write_bench_source.onnx").string();
  onnx::write_model(contiguous, source);
  compare("mapped", onnx::read_model(source), contiguous, path);
  std::filesystem::remove(source);
  std::filesystem::remove(path);
}
