#include "fuzz.h"
#include "program/infix.h"
#include "program/scanner.h"
#include "program/symbols.h"

using namespace modelexport;

// What is parsed can be printed, and what is printed parsed again where it is written as people do.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  program::SymbolTable symbols;
  fuzz::run([&] { (void)symbols.print(symbols.parse(fuzz::text(data, size))); });
  fuzz::run([&] {
    program::Scanner in(fuzz::text(data, size), "size");
    const std::string printed = symbols.print(program::parse_infix(in, symbols));
    program::Scanner again(printed, "size");
    (void)program::parse_infix(again, symbols);
  });
  return 0;
}
