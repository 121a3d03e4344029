#include "fuzz.h"
#include "program/pt2_archive.h"

using namespace modelexport;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(fuzz::text(data, size));
  fuzz::run([&] {
    const program::Pt2Archive archive = program::Pt2Archive::open(file.path());
    for (const auto& [name, entry] : archive.entries()) {
      fuzz::run([&, &name = name] { (void)archive.text(name); });
    }
  });
  return 0;
}
