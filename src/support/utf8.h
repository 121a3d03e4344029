// UTF-8, which names in JSON and ONNX must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace modelexport {

// Bytes of the character that `text` begins with; 0 when it is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);
// Offset of the first byte that is no UTF-8; npos when all of it is.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text);
// Of U+FFFF and beyond too; `code_point` must be a character (no surrogate).
void append_utf8(std::string& out, uint32_t code_point);

}  // namespace modelexport
