// Operators that make complex numbers of real ones, or the reverse. Those that know real numbers only are in other
// families; what they become is said in complex_form.cpp.
#include "lower/ops/complex_math.h"
#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

Complex self(Context& c) { return c.complex("self", c.out_dtype()); }

Values view_as_complex(Context& c) {
  const Complex z = parts_of_pairs(c.b, c.tensor("self"), c.rank("self") - 1);
  return {z.re, z.im};
}

Values view_as_real(Context& c) { return {pairs_of_parts(c.b, self(c), c.rank("self"))}; }

Values real(Context& c) { return {c.seeing(Part::Real).tensor("self")}; }
Values imag(Context& c) { return {c.seeing(Part::Imaginary).tensor("self")}; }
Values conjugate(Context& c) { return c.has_complex("self") ? results(c, conj(c.b, self(c))) : real(c); }

Values complex(Context& c) { return results(c, {c.operand("real", c.out_dtype()), c.operand("imag", c.out_dtype())}); }
Values from_polar(Context& c) {
  return results(c, polar(c.b, c.operand("abs", c.out_dtype()), c.operand("angle", c.out_dtype())));
}

// aten::vdot: of vectors, the first one conjugated.
Values vdot(Context& c) {
  const Complex first = self(c);
  const Complex product = mul(c.b, conj(c.b, first), c.complex("other", c.out_dtype()));
  const V re = c.b.reduce("ReduceSum", product.re, {0}, false);
  return first.im ? Values{re, c.b.reduce("ReduceSum", product.im, {0}, false)} : Values{re};
}

constexpr Row kRows[] = {
    {"aten::view_as_complex(Tensor(a) self) -> Tensor(a)", view_as_complex},
    {"aten::view_as_complex_copy(Tensor self) -> Tensor", view_as_complex},
    {"aten::view_as_real(Tensor(a) self) -> Tensor(a)", view_as_real},
    {"aten::view_as_real_copy(Tensor self) -> Tensor", view_as_real},
    {"aten::real(Tensor(a) self) -> Tensor(a)", real},
    {"aten::imag(Tensor(a) self) -> Tensor(a)", imag},
    {"aten::conj(Tensor(a) self) -> Tensor(a)", conjugate},
    {"aten::_conj(Tensor(a) self) -> Tensor(a)", conjugate},
    {"aten::conj_physical(Tensor self) -> Tensor", conjugate},
    {"aten::_conj_physical(Tensor self) -> Tensor", conjugate},
    {"aten::conj_physical_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::conj_physical.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::complex(Tensor real, Tensor imag) -> Tensor", complex},
    {"aten::complex.out(Tensor real, Tensor imag, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::polar(Tensor abs, Tensor angle) -> Tensor", from_polar},
    {"aten::polar.out(Tensor abs, Tensor angle, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::vdot(Tensor self, Tensor other) -> Tensor", vdot},
};

}  // namespace

Family complex_ops() { return kRows; }

}  // namespace modelexport::lower
