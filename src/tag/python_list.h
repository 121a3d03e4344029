// Lists of strings as Python prints them: ['', 'encoder.layer.0']. The form of torch's own ONNX metadata.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modelexport::tag {

// 'text', quoted and escaped as Python's repr() does it.
[[nodiscard]] std::string python_repr(std::string_view text);
[[nodiscard]] std::string print_python_list(const std::vector<std::string>& items);
// The strings of such a list, or nothing when `text` is not one.
[[nodiscard]] std::optional<std::vector<std::string>> parse_python_list(std::string_view text);

}  // namespace modelexport::tag
