#include "fuzz.h"
#include "tag/query.h"

using namespace modelexport;

// What parses can be asked of any node.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const std::vector<tag::NodeRecord> kNodes = [] {
    tag::NodeRecord linear;
    linear.name = "/encoder/layer.0/attention/query/MatMul";
    linear.op_type = "MatMul";
    linear.tag = "/Bert/BertEncoder/BertLayer.0/BertAttention/Linear";
    linear.module = "encoder.layer.0.attention.query";
    linear.aten = "aten.linear.default";
    tag::NodeRecord bare;
    bare.role = onnx::Role::Auxiliary;
    bare.provenance = Provenance::Merged;
    bare.call = 1;
    return std::vector<tag::NodeRecord>{linear, bare};
  }();
  fuzz::run([&] { (void)tag::select(kNodes, tag::Query(fuzz::text(data, size))); });
  return 0;
}
