#include <iostream>
#include <string>
#include <vector>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "cli/cli.h"

int main(int argc, char** argv) {
#if defined(__GLIBC__)
  // glibc keeps small pieces that were freed apart, and goes through all of them whenever a large one is freed. A large
  // program has millions of them; without this they are joined at once.
  mallopt(M_MXFAST, 0);
#endif
  std::ios::sync_with_stdio(false);
  return modelexport::cli::run(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
