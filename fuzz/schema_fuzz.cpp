#include "fuzz.h"
#include "program/aten_schema.h"

using namespace modelexport;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::run([&] { (void)program::parse_schema(fuzz::text(data, size)); });
  return 0;
}
