#include "lower/op_table.h"

#include <unordered_map>

#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

std::vector<Family> families() {
  return {pointwise_ops(), activation_ops(),    cast_ops(),        metadata_ops(),   creation_ops(), symint_ops(),
          reduction_ops(), view_ops(),          index_ops(),       scatter_ops(),    sort_ops(),     join_ops(),
          linear_ops(),    linalg_ops(),        elimination_ops(), attention_ops(),  conv_ops(),     unfold_ops(),
          pool_ops(),      adaptive_pool_ops(), norm_ops(),        batch_norm_ops(), rnn_ops(),      rnn_cell_ops(),
          image_ops(),     grid_ops(),          grid_sample_ops(), expert_ops(),     complex_ops(),  fourier_ops(),
          quantized_ops(), control_ops()};
}

}  // namespace

std::vector<const Row*> all_rows() {
  std::vector<const Row*> rows;
  for (const Family& family : families()) {
    for (const Row& row : family) rows.push_back(&row);
  }
  return rows;
}

const Entry* find_op(std::string_view target) {
  static const std::unordered_map<std::string, Entry> table = [] {
    std::unordered_map<std::string, Entry> entries;
    for (const Row* row : all_rows()) {
      Entry entry{program::parse_schema(row->schema), row->lower};
      std::string name = entry.schema.name;
      entries.insert_or_assign(std::move(name), std::move(entry));
    }
    return entries;
  }();
  const auto found = table.find(std::string(target));
  return found == table.end() ? nullptr : &found->second;
}

}  // namespace modelexport::lower
