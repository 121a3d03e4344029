#include "pipeline.h"

#include <chrono>
#include <filesystem>
#include <unordered_set>

#include "lower/functionalize.h"
#include "lower/inline_wrappers.h"
#include "lower/lower.h"
#include "onnx/writer.h"
#include "passes/name_values.h"
#include "passes/pass.h"
#include "program/inherit.h"
#include "support/atomic_file.h"
#include "tag/coverage.h"
#include "tag/sidecar.h"
#include "tag/tag.h"
