#include <algorithm>

#include <fmt/format.h>

#include "dialect/vsl/generator_frames.h"

namespace postern::dialect::vsl {

namespace {

struct Operator {
  std::string_view word;
  std::string_view function;  ///< of the runtime
  bool gives_boolean = false;
};
constexpr Operator runtime_operators[] = {
    {"+", "add"},          {"-", "subtract"},       {"*", "multiply"},
    {"/", "divide"},       {"%", "remainder"},      {"**", "power"},
    {"<<", "shift_left"},  {">>", "shift_right"},   {"&", "bits_and"},
    {"|", "bits_or"},      {"^", "bits_xor"},       {"<", "less", true},
    {">", "more", true},   {"<=", "at_most", true}, {">=", "at_least", true},
    {"==", "equal", true}, {"!=", "unequal", true}, {"in", "is_in", true},
    {"..", "range"},       {"..=", "range_with"},
};

bool is_boolean(const Node& node) {
  if (node.kind == Kind::boolean) return true;
  if (node.kind == Kind::unary) return node.text == "!";
  if (node.kind != Kind::binary) return false;
  const auto* const found = std::ranges::find(runtime_operators, node.text, &Operator::word);
  return found == std::ranges::end(runtime_operators) ? node.text != "??" : found->gives_boolean;
}

/// Lua text of a literal; nullopt: the node must be evaluated.
std::optional<std::string> literal(const Node& node) {
  switch (node.kind) {
    case Kind::integer:
      if (node.integer < 0) return fmt::format("{:#x}", static_cast<std::uint64_t>(node.integer));
      return std::to_string(node.integer);
    case Kind::real:
      return node.real > std::numeric_limits<double>::max() ? "1e999"
                                                            : fmt::format("{:a}", node.real);
    case Kind::string:
      return in_quotes(node.text);
    case Kind::boolean:
      return node.flag ? "true" : "false";
    case Kind::unit:
      return "U";
    default:
      return std::nullopt;
  }
}

bool is_link(const Node& node) {
  return node.kind == Kind::index || node.kind == Kind::property || node.kind == Kind::method;
}

}  // namespace

/// The runtime's function for an operator: "add" for "+".
std::string_view function_of_operator(std::string_view word) {
  const auto* const found = std::ranges::find(runtime_operators, word, &Operator::word);
  return found == std::ranges::end(runtime_operators) ? std::string_view("unknown")
                                                      : found->function;
}

/// Whether evaluating the node changes no variable of this function, except shared ones.
bool Generator::is_calm(const Node& node) {
  switch (node.kind) {
    case Kind::integer:
    case Kind::real:
    case Kind::string:
    case Kind::boolean:
    case Kind::unit:
    case Kind::variable:
    case Kind::closure:
      return true;
    case Kind::call:
    case Kind::index:
    case Kind::property:
    case Kind::method:
    case Kind::array:
    case Kind::map:
    case Kind::unary:
    case Kind::binary:
    case Kind::interpolate: {
      const auto [known, added] = calm_.try_emplace(&node, false);
      if (!added) return known->second;
      return calm_[&node] = are_calm(node.nodes, 0);
    }
    default:
      return false;
  }
}

bool Generator::are_calm(const std::vector<NodePtr>& nodes, std::size_t from) {
  return std::all_of(nodes.begin() + static_cast<std::ptrdiff_t>(std::min(from, nodes.size())),
                     nodes.end(), [&](const NodePtr& one) { return is_calm(*one); });
}

/// `calm_after`: nothing changes a variable before the operand is used.
Generator::Operand Generator::operand(const Node& node, bool calm_after) {
  if (auto text = literal(node)) return {.text = std::move(*text), .slot = std::nullopt};
  if (node.kind == Kind::variable && node.path.empty() && calm_after) {
    const auto way = reach(node.text);
    if (way && !way->foreign && !way->variable->cell && !way->variable->maybe) {
      return {.text = way->value, .slot = std::nullopt};
    }
  }
  Operand made{.text = {}, .slot = std::optional<Temporary>(std::in_place, *this)};
  made.text = made.slot->text();
  evaluate(node, made.text);
  return made;
}

std::vector<Generator::Operand> Generator::operands(const std::vector<NodePtr>& nodes,
                                                    std::size_t from) {
  std::vector<bool> calm_after(nodes.size() + 1, true);
  for (std::size_t i = nodes.size(); i > from; --i) {
    calm_after[i - 1] = calm_after[i] && is_calm(*nodes[i - 1]);
  }
  std::vector<Operand> made;
  made.reserve(nodes.size());
  for (std::size_t i = from; i < nodes.size(); ++i) {
    made.push_back(operand(*nodes[i], calm_after[i + 1]));
  }
  return made;
}

/// An operand that Lua text checks to be true or false.
Generator::Operand Generator::condition(const Node& node) {
  Operand made = operand(node, true);
  if (!is_boolean(node)) {
    line(fmt::format("if {0} ~= true and {0} ~= false then H.no_condition() end", made.text),
         node.at);
  }
  return made;
}

void Generator::expression(const Node& node, const std::string& into) {
  switch (node.kind) {
    case Kind::block:
      return block(node, into);
    case Kind::if_else:
      return if_else(node, into);
    case Kind::switch_case:
      return switch_case(node, into);
    default:
      break;
  }
  if (!into.empty()) return evaluate(node, into);
  const Temporary unused(*this);
  evaluate(node, unused.text());
}

void Generator::evaluate(const Node& node, const std::string& into) {
  if (const auto text = literal(node)) return line(into + " = " + *text);
  switch (node.kind) {
    case Kind::interpolate:
      return interpolate(node, into);
    case Kind::variable:
      return variable(node, into);
    case Kind::call:
      return call(node, into);
    case Kind::index:
    case Kind::property:
    case Kind::method:
      return chain(node, into);
    case Kind::array:
    case Kind::map:
      return collection(node, into);
    case Kind::closure:
      return closure(node, into);
    case Kind::unary:
      return unary(node, into);
    case Kind::binary:
      return binary(node, into);
    case Kind::object:
      return object(node, into);
    case Kind::service:
      return service(node, into);
    case Kind::directive:
      return directive(node, into);
    default:
      return statement(node, into);
  }
}

/// Lua text for the file that an alias names; its value is nil if nothing was imported.
std::string Generator::module_named(const std::string& alias) {
  const std::string name = "::" + alias;
  const auto way = reach(name);
  return way ? way->value : "M[" + in_quotes(name) + "]";
}

void Generator::variable(const Node& node, const std::string& into) {
  if (node.path.size() > 1) {
    std::string path = node.path.front();
    for (std::size_t i = 1; i < node.path.size(); ++i) path += "::" + node.path[i];
    return line(fmt::format("{} = H.no_module({})", into, in_quotes(path)), node.at);
  }
  if (node.path.size() == 1) {
    return line(fmt::format("{} = H.exported({}, {}, {})", into, module_named(node.path[0]),
                            in_quotes(node.path[0]), in_quotes(node.text)),
                node.at);
  }
  if (const auto way = reach(node.text)) {
    if (way->variable->maybe) {
      line(fmt::format("if {} == nil then H.no_variable({}) end", way->cell, in_quotes(node.text)),
           node.at);
    }
    return line(into + " = " + way->value, node.at);
  }
  line(fmt::format("{0} = M[{1}]; if {0} == nil then {0} = H.predefined({1}) end", into,
                   in_quotes(node.text)),
       node.at);
}

void Generator::unary(const Node& node, const std::string& into) {
  const Operand value = operand(*node.nodes[0], true);
  const std::string_view function = node.text == "!"   ? "negate"
                                    : node.text == "-" ? "minus"
                                                       : "plus";
  line(fmt::format("{} = H.{}({})", into, function, value.text), node.at);
}

void Generator::binary(const Node& node, const std::string& into) {
  if (node.text == "&&" || node.text == "||" || node.text == "??") return short_circuit(node, into);
  const Operand left = operand(*node.nodes[0], is_calm(*node.nodes[1]));
  const Operand right = operand(*node.nodes[1], true);
  line(fmt::format("{} = H.{}({}, {})", into, function_of_operator(node.text), left.text,
                   right.text),
       node.at);
}

void Generator::short_circuit(const Node& node, const std::string& into) {
  const std::string done = label("done");
  if (node.text == "??") {
    evaluate(*node.nodes[0], into);
    line(fmt::format("if {} ~= U then goto {} end", into, done));
    evaluate(*node.nodes[1], into);
  } else {
    const std::string_view negation = node.text == "&&" ? "not " : "";
    line(into + " = " + condition(*node.nodes[0]).text);
    line(fmt::format("if {}{} then goto {} end", negation, into, done));
    line(into + " = " + condition(*node.nodes[1]).text);
  }
  line("::" + done + "::");
}

void Generator::interpolate(const Node& node, const std::string& into) {
  const Temporary parts(*this);
  line(parts.text() + " = {}");
  for (std::size_t i = 0; i < node.nodes.size(); ++i) {
    const Node& part = *node.nodes[i];
    if (part.kind == Kind::string) {
      line(fmt::format("{}[{}] = {}", parts.text(), i + 1, in_quotes(part.text)));
      continue;
    }
    const Temporary value(*this);
    expression(part, value.text());
    line(fmt::format("{}[{}] = H.text({})", parts.text(), i + 1, value.text()), part.at);
  }
  line(fmt::format("{} = H.join({})", into, parts.text()), node.at);
}

void Generator::collection(const Node& node, const std::string& into) {
  const bool is_map = node.kind == Kind::map;
  const Temporary made(*this);
  line(fmt::format("{} = H.{}({})", made.text(), is_map ? "map" : "array", node.nodes.size()),
       node.at);
  for (std::size_t i = 0; i < node.nodes.size(); ++i) {
    const Operand value = operand(*node.nodes[i], true);
    const std::string key = is_map ? in_quotes(node.names[i].text) : std::to_string(i + 1);
    line(fmt::format("{}[{}] = {}", made.text(), key, value.text));
  }
  line(into + " = " + made.text());
}

/// Evaluates a value and its indexes, properties and methods in order. `?.` ends the chain if the
/// value is `()`.
void Generator::chain(const Node& node, const std::string& into) {
  std::vector<const Node*> links;
  const Node* base = &node;
  for (; is_link(*base); base = base->nodes[0].get()) links.push_back(base);
  const Operand first = operand(*base, are_calm(links.back()->nodes, 1));
  std::string value = first.text;
  std::string done;
  const Temporary result(*this);
  for (auto one = links.rbegin(); one != links.rend(); ++one) {
    if ((*one)->flag) {
      if (done.empty()) done = label("done");
      line(fmt::format("if {0} == U then {1} = U goto {2} end", value, result.text(), done));
    }
    link(**one, value, result.text());
    value = result.text();
  }
  if (!done.empty()) line("::" + done + "::");
  line(into + " = " + result.text());
}

void Generator::link(const Node& node, const std::string& value, const std::string& into) {
  if (node.kind == Kind::method) return method(node, value, into);
  if (node.kind == Kind::property) {
    return line(fmt::format("{} = H.property({}, {})", into, value, in_quotes(node.text)), node.at);
  }
  const Operand key = operand(*node.nodes[1], true);
  line(fmt::format("{} = H.index({}, {})", into, value, key.text), node.at);
}

}  // namespace postern::dialect::vsl
