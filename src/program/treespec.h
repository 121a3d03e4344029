// Names of a model's outputs, from the structure that torch.utils._pytree writes as JSON.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace modelexport::program {

// Field names of namedtuples, by the type name in the structure.
using FieldNames = std::map<std::string, std::vector<std::string>, std::less<>>;

// One for each of the outputs: keys and field names joined by "_", and so are positions in a tuple or list below
// them ("past_key_values_0"). One tensor alone is "output", an item of a plain tuple "output_0".
// Throws Error when `treespec` is no such structure.
[[nodiscard]] std::vector<std::string> output_names(std::string_view treespec, const FieldNames& fields);

}  // namespace modelexport::program
