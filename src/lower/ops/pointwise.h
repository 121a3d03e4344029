// The tables that pointwise_ops() joins.
#pragma once

#include "lower/op_table.h"

namespace modelexport::lower {

Family arithmetic_rows();
Family extremum_rows();
Family comparison_rows();
Family bitwise_rows();
Family unary_rows();
Family special_rows();
Family gamma_rows();
Family error_function_rows();
Family bessel_rows();
Family divisor_rows();
Family pointwise_in_place_rows();

}  // namespace modelexport::lower
