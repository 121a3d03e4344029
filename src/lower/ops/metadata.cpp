#include "lower/context.h"
#include "lower/ops/families.h"

namespace modelexport::lower {
namespace {

Values nothing(Context&) { return {}; }
Values token(Context& c) { return {c.tensor("dep_token")}; }

const Row kRows[] = {
    // Answered while torch captured the program: what depends on the answer is already decided.
    {"aten::promote_types(ScalarType type1, ScalarType type2) -> ScalarType", nothing},
    {"aten::can_cast(ScalarType from_, ScalarType to) -> bool", nothing},
    {"aten::result_type.Tensor(Tensor tensor, Tensor other) -> ScalarType", nothing},
    {"aten::result_type.Scalar(Tensor tensor, Scalar other) -> ScalarType", nothing},
    {"aten::result_type.Scalar_Tensor(Scalar scalar, Tensor tensor) -> ScalarType", nothing},
    {"aten::result_type.Scalar_Scalar(Scalar scalar1, Scalar scalar2) -> ScalarType", nothing},
    {"aten::is_same_size(Tensor self, Tensor other) -> bool", nothing},
    {"aten::is_set_to(Tensor self, Tensor tensor) -> bool", nothing},
    {"aten::is_pinned(Tensor self, Device? device=None) -> bool", nothing},
    {"aten::is_distributed(Tensor self) -> bool", nothing},
    {"aten::is_vulkan_available() -> bool", nothing},
    {"aten::cudnn_is_acceptable(Tensor self) -> bool", nothing},
    {"aten::_nnpack_available() -> bool", nothing},
    {"aten::_has_compatible_shallow_copy_type(Tensor self, Tensor from) -> bool", nothing},

    // Held by every run that the program was captured for.
    {"aten::_assert_tensor_metadata(Tensor a, SymInt[]? size=None, SymInt[]? stride=None, ScalarType? dtype=None, "
     "*, Device? device=None, Layout? layout=None) -> ()",
     nothing},
    {"aten::_assert_async(Tensor self) -> ()", nothing},
    {"aten::_assert_async.msg(Tensor self, str assert_msg) -> ()", nothing},
    {"aten::_assert_scalar(Scalar self, str assert_msg) -> ()", nothing},
    {"aten::_functional_assert_async.msg(Tensor self, str assert_msg, Tensor dep_token) -> Tensor", token},
    {"aten::_functional_assert_scalar(Scalar self, str assert_msg, Tensor dep_token) -> Tensor", token},
    {"aten::sym_constrain_range(Scalar size, *, int? min=None, int? max=None) -> ()", nothing},
    {"aten::sym_constrain_range_for_size(Scalar size, *, int? min=None, int? max=None) -> ()", nothing},
};

}  // namespace

Family metadata_ops() { return kRows; }

}  // namespace modelexport::lower
