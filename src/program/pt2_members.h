// The members of a JSON object as text, to be read in another order than that of the text.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "program/pt2_types.h"
#include "support/json_reader.h"

namespace modelexport::program {

class Members {
 public:
  // Of the object that `in` stands before, which is read over. Of the member called opened[0], an object as well, the
  // members are told in the same pass, of its member opened[1] too, and so on: what is large is passed over once.
  explicit Members(json::Reader& in, std::span<const std::string_view> opened = {});

  [[nodiscard]] std::optional<json::Reader> find(std::string_view key) const;
  // Throws Error where it is missing.
  [[nodiscard]] json::Reader at(std::string_view key) const;
  // Of the member opened[0], called `key`. Throws Error where it is missing.
  [[nodiscard]] const Members& inside(std::string_view key) const;

  // A reader of a value within one of them.
  [[nodiscard]] json::Reader of(std::string_view value) const { return document_.of(value); }
  // At the end of the object.
  [[noreturn]] void fail_here(std::string_view message) const { document_.fail_here(message); }

 private:
  [[noreturn]] void fail_without(std::string_view key) const;

  json::Reader document_;
  ByName<std::string_view> texts_;
  std::unique_ptr<Members> inside_;
};

}  // namespace modelexport::program
