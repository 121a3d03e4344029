#include <span>

#include "fuzz.h"
#include "onnx/encode.h"
#include "onnx/external_data.h"
#include "onnx/lint.h"
#include "onnx/reader.h"
#include "onnx/text.h"
#include "tag/onnx_tags.h"

using namespace modelexport;

namespace {

// Bytes in memory; strided weights are not among those of a model that was read.
class StringSink : public onnx::ByteSink {
 public:
  std::string text;

  void bytes(std::string_view bytes) override { text += bytes; }
  void weights(const TensorView& tensor) override {
    text.append(reinterpret_cast<const char*>(tensor.bytes()), onnx::stored_bytes(tensor));
  }
};

}  // namespace

// What can be read can be printed, and be written and read again when nothing is wrong with it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::run([&] {
    onnx::ReadOptions options;
    options.max_dense_bytes = uint64_t{1} << 20;
    const onnx::Model model = onnx::read_model_from_bytes(std::as_bytes(std::span(data, size)), options);
    (void)onnx::print(model);
    fuzz::run([&] { (void)tag::records_of(model); });
    if (!onnx::lint(model).empty()) return;
    StringSink written;
    onnx::ModelEncoder(model, onnx::no_external_data(model)).encode(written);
    const onnx::Model again = onnx::read_model_from_bytes(std::as_bytes(std::span(written.text)), options);
    if (again.graph.nodes.size() != model.graph.nodes.size()) std::abort();
  });
  return 0;
}
