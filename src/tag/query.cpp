#include "tag/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "support/error.h"

namespace modelexport::tag {
namespace {

constexpr std::size_t kMaxLength = 10000;
constexpr std::size_t kMaxNesting = 100;

struct Field {
  std::string_view name;
  char separator;  // of a path pattern
  bool (*test)(const NodeRecord& node, const std::string& text, const PathGlob& glob);
};

// Whether some component of the tag is of this class; its list index does not count.
bool is_inside_class(std::string_view tag, const std::string& pattern) {
  while (!tag.empty()) {
    tag.remove_prefix(1);
    const std::string_view component = tag.substr(0, tag.find('/'));
    if (glob_match(pattern, component.substr(0, component.find('.')))) return true;
    tag.remove_prefix(component.size());
  }
  return false;
}

constexpr Field kFields[] = {
    {"module", '.',
     [](const NodeRecord& node, const std::string&, const PathGlob& glob) { return glob.matches(node.module); }},
    {"tag", '/',
     [](const NodeRecord& node, const std::string&, const PathGlob& glob) { return glob.matches(node.tag); }},
    {"name", '/',
     [](const NodeRecord& node, const std::string&, const PathGlob& glob) { return glob.matches(node.name); }},
    {"class", '.',
     [](const NodeRecord& node, const std::string& text, const PathGlob&) { return is_inside_class(node.tag, text); }},
    {"op", '.',
     [](const NodeRecord& node, const std::string& text, const PathGlob&) { return glob_match(text, node.op_type); }},
    {"domain", '.',
     [](const NodeRecord& node, const std::string& text, const PathGlob&) { return glob_match(text, node.domain); }},
    {"aten", '.',
     [](const NodeRecord& node, const std::string& text, const PathGlob&) { return glob_match(text, node.aten); }},
    {"provenance", '.',
     [](const NodeRecord& node, const std::string& text, const PathGlob&) {
       return glob_match(text, name_of(node.provenance));
     }},
    {"role", '.',
     [](const NodeRecord& node, const std::string& text, const PathGlob&) {
       return glob_match(text, name_of(node.role));
     }},
    {"call", '.',
     [](const NodeRecord& node, const std::string& text, const PathGlob&) {
       return glob_match(text, std::to_string(node.call));
     }},
};

bool is_part_of_tag(const NodeRecord& node, const std::string& text, const PathGlob&) {
  return node.tag.find(text) != std::string::npos;
}

bool has_role(const NodeRecord& node, const std::string& text, const PathGlob&) { return name_of(node.role) == text; }

std::string field_names() {
  std::string names;
  for (const Field& field : kFields) names += (names.empty() ? "" : ", ") + std::string(field.name);
  return names;
}

// A word of the query, or one of its parentheses.
struct Token {
  std::string text;  // without quotes
  std::size_t column = 1;
  std::size_t colon = std::string::npos;  // of the first ':' outside quotes
  bool is_quoted = false;                 // some part of it
};

std::vector<Token> tokens_of(std::string_view query) {
  std::vector<Token> tokens;
  std::size_t i = 0;
  while (i < query.size()) {
    if (query[i] == ' ' || query[i] == '\t' || query[i] == '\n') {
      ++i;
      continue;
    }
    Token token{"", i + 1, std::string::npos, false};
    if (query[i] == '(' || query[i] == ')') {
      token.text = query[i++];
      tokens.push_back(token);
      continue;
    }
    for (; i < query.size() && std::string_view(" \t\n()").find(query[i]) == std::string_view::npos; ++i) {
      if (query[i] == '"') {
        const std::size_t end = query.find('"', i + 1);
        if (end == std::string_view::npos) fail(fmt::format("query, column {}: this quote is not closed", i + 1));
        token.text += query.substr(i + 1, end - i - 1);
        token.is_quoted = true;
        i = end;
        continue;
      }
      if (query[i] == ':' && token.colon == std::string::npos && !token.is_quoted) token.colon = token.text.size();
      token.text += query[i];
    }
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace

// Recursive descent: any = all ("or" all)*; all = unary (["and"] unary)*; unary = "not" unary | "(" any ")" | term.
class QueryParser {
 public:
  QueryParser(Query& query, std::string_view text) : query_(query), tokens_(tokens_of(text)), end_(text.size() + 1) {}

  void parse() {
    if (tokens_.empty()) {
      add(Query::Kind::All, {});
      return;
    }
    any(0);
    if (at_ < tokens_.size()) stop("nothing is open that this closes");
  }

 private:
  [[nodiscard]] bool is_word(std::string_view word) const {
    return at_ < tokens_.size() && !tokens_[at_].is_quoted && tokens_[at_].text == word;
  }
  bool take(std::string_view word) {
    if (!is_word(word)) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void stop(const std::string& why) const {
    const std::size_t column = at_ < tokens_.size() ? tokens_[at_].column : end_;
    fail(fmt::format("query, column {}: {}", column, why));
  }

  std::size_t any(std::size_t depth) {
    if (depth > kMaxNesting) stop(fmt::format("nested more than {} deep", kMaxNesting));
    std::vector<std::size_t> operands = {all(depth)};
    while (take("or")) operands.push_back(all(depth));
    return combine(Query::Kind::Any, std::move(operands));
  }

  std::size_t all(std::size_t depth) {
    std::vector<std::size_t> operands = {unary(depth)};
    while (at_ < tokens_.size() && !is_word("or") && !is_word(")")) {
      take("and");
      operands.push_back(unary(depth));
    }
    return combine(Query::Kind::All, std::move(operands));
  }

  std::size_t unary(std::size_t depth) {
    bool negated = false;
    while (take("not")) negated = !negated;
    std::size_t step = 0;
    if (take("(")) {
      step = any(depth + 1);
      if (!take(")")) stop("expected ')'");
    } else {
      step = term();
    }
    return negated ? add(Query::Kind::Not, {step}) : step;
  }

  std::size_t term() {
    if (at_ == tokens_.size()) stop("the query ends where a term is expected");
    if (is_word(")") || is_word("or") || is_word("and")) {
      stop(fmt::format("expected a term, found '{}'", tokens_[at_].text));
    }
    const Token& token = tokens_[at_];
    if (token.colon == std::string::npos) {
      const bool is_role = !token.is_quoted && (token.text == "auxiliary" || token.text == "core");
      ++at_;
      return add_term(is_role ? has_role : is_part_of_tag, token.text, '/');
    }
    const std::string name = token.text.substr(0, token.colon);
    const auto* field = std::find_if(std::begin(kFields), std::end(kFields), [&](auto& f) { return f.name == name; });
    if (field == std::end(kFields)) stop(fmt::format("there is no field '{}' (fields: {})", name, field_names()));
    ++at_;
    return add_term(field->test, token.text.substr(token.colon + 1), field->separator);
  }

  std::size_t combine(Query::Kind kind, std::vector<std::size_t> operands) {
    return operands.size() == 1 ? operands.front() : add(kind, std::move(operands));
  }
  std::size_t add(Query::Kind kind, std::vector<std::size_t> operands) {
    query_.steps_.push_back({kind, std::move(operands), nullptr, "", PathGlob("", '.')});
    return query_.steps_.size() - 1;
  }
  std::size_t add_term(Query::Test test, const std::string& text, char separator) {
    query_.steps_.push_back({Query::Kind::Term, {}, test, text, PathGlob(text, separator)});
    return query_.steps_.size() - 1;
  }

  Query& query_;
  std::vector<Token> tokens_;
  std::size_t end_;
  std::size_t at_ = 0;
};

Query::Query(std::string_view text) {
  if (text.size() > kMaxLength) fail(fmt::format("the query is longer than {} characters", kMaxLength));
  QueryParser(*this, text).parse();
}

bool Query::matches(const NodeRecord& node) const {
  std::vector<bool> holds;
  holds.reserve(steps_.size());
  for (const Step& step : steps_) {
    const auto true_of = [&](std::size_t operand) { return holds[operand]; };
    switch (step.kind) {
      case Kind::All:
        holds.push_back(std::all_of(step.operands.begin(), step.operands.end(), true_of));
        break;
      case Kind::Any:
        holds.push_back(std::any_of(step.operands.begin(), step.operands.end(), true_of));
        break;
      case Kind::Not:
        holds.push_back(!holds[step.operands.front()]);
        break;
      case Kind::Term:
        holds.push_back(step.test(node, step.text, step.glob));
        break;
    }
  }
  return holds.back();
}

std::vector<const NodeRecord*> select(const std::vector<NodeRecord>& nodes, const Query& query) {
  std::vector<const NodeRecord*> selected;
  for (const NodeRecord& node : nodes) {
    if (query.matches(node)) selected.push_back(&node);
  }
  return selected;
}

}  // namespace modelexport::tag
