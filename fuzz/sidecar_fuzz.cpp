#include "fuzz.h"
#include "tag/analysis.h"
#include "tag/sidecar.h"

using namespace modelexport;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::run([&] {
    const tag::Sidecar sidecar = tag::parse_sidecar(fuzz::text(data, size));
    (void)tag::count_tags(sidecar.nodes);
    for (const std::string& field : tag::countable_fields()) (void)tag::count_by(sidecar.nodes, field);
  });
  return 0;
}
