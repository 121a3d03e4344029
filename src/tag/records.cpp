#include "tag/records.h"

#include <fmt/format.h>

#include "support/error.h"

namespace modelexport::tag {
namespace {

// FNV-1a, 64 bits: tells files apart by accident, not by malice.
class Digest {
 public:
  void add(std::string_view text) {
    for (const char c : text) step(static_cast<unsigned char>(c));
    step(0);
  }
  [[nodiscard]] std::string hex() const { return fmt::format("{:016x}", state_); }

 private:
  void step(unsigned char byte) { state_ = (state_ ^ byte) * 0x100000001b3ULL; }
  uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace

ModelIdentity identify(const onnx::Model& model) {
  ModelIdentity identity;
  Digest digest;
  for_each_placed_node(model, [&](const onnx::Node& node, const std::string&) {
    ++identity.nodes;
    digest.add(node.name);
    digest.add(node.op_type);
  });
  identity.digest = digest.hex();
  return identity;
}

Provenance provenance_from_name(std::string_view name) {
  for (const Provenance provenance :
       {Provenance::Exact, Provenance::Merged, Provenance::Inherited, Provenance::Fallback}) {
    if (name_of(provenance) == name) return provenance;
  }
  fail(fmt::format("'{}' is no provenance (exact, merged, inherited, fallback)", name));
}

std::string_view name_of(onnx::Role role) { return role == onnx::Role::Core ? "core" : "auxiliary"; }

onnx::Role role_from_name(std::string_view name) {
  for (const onnx::Role role : {onnx::Role::Core, onnx::Role::Auxiliary}) {
    if (name_of(role) == name) return role;
  }
  fail(fmt::format("'{}' is no role (core, auxiliary)", name));
}

}  // namespace modelexport::tag
