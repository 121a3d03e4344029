// Conversions between types, copies that ONNX values make needless, and assertions, which emit nothing.
#include "lower/ops/elementwise.h"
#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

Values convert(Context& c) { return {c.b.cast(c.tensor("self"), c.out_dtype())}; }
Values convert_a(Context& c) { return {c.b.cast(c.tensor("a"), c.out_dtype())}; }
Values same(Context& c) { return {c.tensor("self")}; }

// `src` in the type and shape of `self`.
Values copy(Context& c) { return {c.b.expand(c.operand("src", c.out_dtype()), c.out_sizes())}; }
Values fill(Context& c) { return {c.b.expand(c.operand("value", c.out_dtype()), c.out_sizes())}; }

const Row kRows[] = {
    {"aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, "
     "MemoryFormat? memory_format=None) -> Tensor(a)",
     convert},
    {"aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, "
     "MemoryFormat? memory_format=None) -> Tensor(a)",
     convert},
    {"aten::to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, "
     "MemoryFormat? memory_format=None) -> Tensor(a)",
     convert},
    {"aten::to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
     convert},
    {"aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
     convert},
    {"aten::type_as(Tensor self, Tensor other) -> Tensor", convert},
    {"aten::_cast_Float(Tensor self, bool non_blocking=False) -> Tensor", convert},
    {"aten::_cast_Double(Tensor self, bool non_blocking=False) -> Tensor", convert},
    {"aten::_cast_Half(Tensor self, bool non_blocking=False) -> Tensor", convert},
    {"aten::_cast_Int(Tensor self, bool non_blocking=False) -> Tensor", convert},
    {"aten::_cast_Long(Tensor self, bool non_blocking=False) -> Tensor", convert},
    {"aten::_cast_Byte(Tensor self, bool non_blocking=False) -> Tensor", convert},
    {"aten::_autocast_to_full_precision(Tensor(a) self, bool cuda_enabled, bool cpu_enabled) -> Tensor(a)", convert},
    {"aten::_autocast_to_reduced_precision(Tensor(a) self, bool cuda_enabled, bool cpu_enabled, "
     "ScalarType cuda_dtype, ScalarType cpu_dtype) -> Tensor(a)",
     convert},
    {"prims::convert_element_type(Tensor a, ScalarType dtype) -> Tensor", convert_a},
    {"prims::device_put(Tensor a, Device device, bool non_blocking=False) -> Tensor", convert_a},
    {"prims::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", same},

    {"aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", same},
    {"aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)", same},
    {"aten::detach(Tensor(a) self) -> Tensor(a)", same},
    {"aten::resolve_conj(Tensor(a) self) -> Tensor(a)", same},
    {"aten::resolve_neg(Tensor(a) self) -> Tensor(a)", same},
    {"aten::detach_copy(Tensor self) -> Tensor", same},
    {"aten::detach_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::lift(Tensor self) -> Tensor", same},
    {"aten::lift_fresh(Tensor(a) self) -> Tensor(a)", same},
    {"aten::lift_fresh_copy(Tensor self) -> Tensor", same},
    {"aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)", same},
    {"aten::data(Tensor self) -> Tensor", same},
    {"aten::copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor", copy},
    {"aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)", kViaFunctional},
    {"aten::fill.Scalar(Tensor self, Scalar value) -> Tensor", fill},
    {"aten::fill.Tensor(Tensor self, Tensor value) -> Tensor", fill},
    {"aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)", kViaFunctional},
    {"aten::fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family cast_ops() { return kRows; }

}  // namespace modelexport::lower
