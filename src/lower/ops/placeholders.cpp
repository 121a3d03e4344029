// Families without rows yet.
#include "lower/ops/families.h"

namespace modelexport::lower {

Family complex_ops() { return {}; }

}  // namespace modelexport::lower
