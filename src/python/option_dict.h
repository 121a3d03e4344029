// Options that Python gives as a dict.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "support/error.h"
#include "tag/tag.h"

namespace modelexport::python {

// Sets `field` from the entry `name` of the options, when there is one.
template <typename T>
void take(const nanobind::dict& options, const char* name, T& field) {
  if (options.contains(name)) field = nanobind::cast<T>(options[name]);
}

inline MetadataLevel metadata_level(const std::string& name) {
  if (name == "full") return MetadataLevel::Full;
  if (name == "minimal") return MetadataLevel::Minimal;
  if (name == "none") return MetadataLevel::None;
  fail("metadata must be full, minimal or none, not " + name);
}

}  // namespace modelexport::python
