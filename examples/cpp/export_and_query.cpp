// Exports a .pt2 file of torch.export.save and lists the nodes that match a query, by the module they came from.
//
//   export_and_query net.pt2 net.onnx 'op:Gemm or op:MatMul'
#include <modelexport/error.h>
#include <modelexport/export.h>
#include <modelexport/model.h>

#include <cstdio>

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: export_and_query PT2 ONNX QUERY\n");
    return 2;
  }
  try {
    modelexport::ExportOptions options;
    options.opset = 18;
    const modelexport::ExportReport report = modelexport::export_program(arguments[1], arguments[2], options);
    std::printf("%s: %llu nodes\n", arguments[2], static_cast<unsigned long long>(report.total_operations));

    const modelexport::Model model = modelexport::read_model(arguments[2]);
    for (const modelexport::NodeRecord* node : modelexport::query(model, arguments[3])) {
      std::printf("%s  %s  from %s\n", node->op_type.c_str(), node->name.c_str(), node->tag.c_str());
    }
    return 0;
  } catch (const modelexport::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
