// Module paths from node names of torch's TorchScript exporter: "/layer1/layer1.0/conv1/Conv".
//
// A component is the attribute that holds the module. Below a Sequential it repeats the Sequential's own name
// ("layer1.0" in "layer1"), the names of a ModuleList and ModuleDict that hold it may be missing ("a" for "d.a"), and
// a module that runs again gets "_1", "_2", ..., at any level and counted per name, not per call of the module around.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace modelexport::tag {

class ScopeNames {
 public:
  // `is_complete`: `paths` are all modules there are, rather than those that own a parameter.
  ScopeNames(const std::vector<std::string>& paths, bool is_complete);

  struct Place {
    std::vector<std::string> stack;  // paths, outermost first, without the root
    bool is_whole = true;            // every component was found
  };
  // Of the directory "layer1/layer1.0/conv1".
  [[nodiscard]] const Place& resolve(std::string_view directory);

  // The call index for nodes of `path` named under `directory`: directories count in order of first appearance.
  uint32_t call_index(const std::string& path, std::string_view directory);

  [[nodiscard]] bool knows(const std::string& path) const { return known_.contains(path); }

 private:
  [[nodiscard]] std::string find(const std::string& around, std::string_view previous,
                                 std::string_view component) const;
  [[nodiscard]] std::string find_deeper(const std::string& around, std::string_view component) const;

  bool is_complete_;
  std::unordered_set<std::string> known_;
  std::unordered_map<std::string, std::vector<std::string>> children_;
  std::unordered_map<std::string, Place> resolved_;
  std::map<std::pair<std::string, std::string>, uint32_t> calls_;
  std::unordered_map<std::string, uint32_t> next_call_;
};

// "conv" of "conv_1"; the text itself when it ends otherwise.
[[nodiscard]] std::string_view without_repeat(std::string_view component);
// "layer1/layer1.0/conv1" of "/layer1/layer1.0/conv1/Conv"; "" for a name of another form or at the root.
[[nodiscard]] std::string_view scope_directory(std::string_view node_name);

}  // namespace modelexport::tag
