#include <algorithm>
#include <vector>

#include "fuzz.h"
#include "program/pt2_files.h"
#include "program/pt2_reader.h"

using namespace modelexport;

namespace {

const program::Schema* lookup(std::string_view target) {
  static const std::vector<program::Schema> kSchemas = [] {
    std::vector<program::Schema> schemas;
    for (const char* text : {
             "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
             "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
             "aten::cat(Tensor[] tensors, int dim=0) -> Tensor",
             "aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
             "aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)",
             "aten::sym_size.int(Tensor self, int dim) -> SymInt",
             "aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
         }) {
      schemas.push_back(program::parse_schema(text));
    }
    return schemas;
  }();
  const auto found = std::ranges::find(kSchemas, target, &program::Schema::name);
  return found == kSchemas.end() ? nullptr : &*found;
}

// `description` tells of weights and constants alike.
program::testing::Entries entries(std::string_view model, std::string_view description) {
  program::testing::Entries result = {{"m/models/model.json", std::string(model)},
                                      {"m/data/weights/model_weights_config.json", std::string(description)},
                                      {"m/data/constants/model_constants_config.json", std::string(description)}};
  for (int i = 0; i < 12; ++i) {
    result.emplace_back("m/data/weights/weight_" + std::to_string(i), std::string(256, '\1'));
    result.emplace_back("m/data/constants/tensor_" + std::to_string(i), std::string(256, '\1'));
  }
  return result;
}

}  // namespace

// The input is a model.json and, below a separating line, the description of its weights.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  constexpr std::string_view kSeparator = "\n--- weights\n";
  const std::string_view text = fuzz::text(data, size);
  const std::size_t separator = std::min(text.find(kSeparator), text.size());
  const std::string_view weights = text.substr(std::min(separator + kSeparator.size(), text.size()));
  const fuzz::MemoryFile file(program::testing::ZipWriter().write(entries(text.substr(0, separator), weights)));
  fuzz::run([&] { (void)program::read_pt2(file.path(), lookup); });
  return 0;
}
