// ATen schema strings, the key of the op table:
//   "aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)"
// Grammar: aten/src/ATen/native/README.md of PyTorch.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelexport::program {

struct Argument;

struct SchemaArgument {
  std::string name;
  std::string type;         // without alias marks: "Tensor", "Tensor?", "Tensor[]", "SymInt[2]", "Scalar", "int[]?"
  std::string alias;        // "a" of Tensor(a!), empty when there is none
  bool is_written = false;  // the "!" of Tensor(a!)
  bool keyword_only = false;
  std::shared_ptr<const Argument> default_value;  // null: the argument is required
};

struct SchemaReturn {
  std::string type;
  std::string alias;
  bool is_written = false;
};

struct Schema {
  std::string name;  // "aten::add_.Tensor"
  std::vector<SchemaArgument> arguments;
  std::vector<SchemaReturn> returns;

  // Some argument is written in place.
  [[nodiscard]] bool mutates() const;
  // Some result shares memory with an argument that is not written.
  [[nodiscard]] bool is_view() const;
};

// Throws Error naming the offset when `text` is no schema.
[[nodiscard]] Schema parse_schema(std::string_view text);

}  // namespace modelexport::program
