#include <algorithm>

#include <fmt/format.h>

#include "dialect/vsl/generator_frames.h"
#include "dialect/vsl/walk.h"

namespace postern::dialect::vsl {

namespace {

constexpr BuiltIn built_ins[] = {
    {"to_string", 0, 0},   {"to_debug", 0, 0},       {"type_of", 0, 0},
    {"len", 0, 0},         {"is_empty", 0, 0},       {"contains", 1, 1},
    {"starts_with", 1, 1}, {"ends_with", 1, 1},      {"to_lower", 0, 0},
    {"to_upper", 0, 0},    {"trim", 0, 0},           {"split", 1, 1},
    {"index_of", 1, 1},    {"sub_string", 1, 2},     {"parse_int", 0, 0},
    {"replace", 2, 2},     {"push", 1, 1},           {"pop", 0, 0},
    {"map", 1, 1, true},   {"filter", 1, 1, true},   {"truncate", 1, 1},
    {"sort", 0, 1, true},  {"keys", 0, 0},           {"values", 0, 0},
    {"get_domain", 0, 0},  {"get_local_part", 0, 0},
};

std::string with_rest(std::string_view first, const std::string& rest) {
  return rest.empty() ? std::string(first) : fmt::format("{}, {}", first, rest);
}

}  // namespace

const BuiltIn* built_in(std::string_view name, std::size_t arguments) {
  const auto* const found = std::ranges::find(built_ins, name, &BuiltIn::name);
  if (found == std::ranges::end(built_ins)) return nullptr;
  return arguments < found->least || arguments > found->most ? nullptr : found;
}

bool Generator::uses_this(const Function& one) {
  bool found = false;
  for_each_node(std::as_const(*one.body), [&](const Node& node) {
    found = found || (node.kind == Kind::variable && node.path.empty() && node.text == "this");
  });
  return found;
}

bool Generator::host_has(std::string_view name, std::size_t arguments) const {
  const Signature known = find_(name);
  return known.function != nullptr && arguments >= known.least && arguments <= known.most;
}

/// Lua text for a method that the runtime lacks: the call of a function that takes the value as
/// `this` or as its first argument; empty: there is none.
std::string Generator::other_method(const Node& node, const std::string& value,
                                    const std::string& list) {
  const std::size_t count = node.nodes.size() - 1;
  const Function* own = own_function(node.text, count);
  const Function* with_value = own_function(node.text, count + 1);
  if (own != nullptr && (uses_this(*own) || with_value == nullptr)) {
    return fmt::format("{}(D + 1, {})", function_name(*own), with_rest(value, list));
  }
  if (with_value != nullptr) {
    return fmt::format("{}(D + 1, U, {})", function_name(*with_value), with_rest(value, list));
  }
  if (host_has(node.text, count + 1)) {
    return fmt::format("H.adopt(S[{}]({}))", in_quotes(node.text), with_rest(value, list));
  }
  return {};
}

namespace {

template <class Operands>
std::string operand_list(const Operands& operands) {
  std::string list;
  for (const auto& one : operands) list += (list.empty() ? "" : ", ") + one.text;
  return list;
}

}  // namespace

void Generator::method(const Node& node, const std::string& value, const std::string& into) {
  const std::vector<Operand> arguments = operands(node.nodes, 1);
  const std::string list = operand_list(arguments);
  const std::size_t count = arguments.size();
  const std::string name = in_quotes(node.text);
  if (count > most_parameters) {
    return line(fmt::format("{} = H.no_method({}, {}, {})", into, value, name, count), node.at);
  }
  if (node.text == "call") {
    line(fmt::format("H.callable({})", value), node.at);
    return line(
        fmt::format("{} = {}({})", into, value, with_rest("D + 1, " + std::to_string(count), list)),
        node.at);
  }
  const Temporary result(*this);
  const std::string other = other_method(node, value, list);
  const std::string serve =
      fmt::format("{} = H.serve({})", result.text(), with_rest(value + ", " + name, list));
  std::string otherwise = serve;
  if (!other.empty()) {
    otherwise = fmt::format("if H.foreign({}) then {} else {} = {} end", value, serve,
                            result.text(), other);
  }
  if (const BuiltIn* known = built_in(node.text, count)) {
    const std::string all = with_rest(value, list);
    line(fmt::format("{} = H.m.{}({})", result.text(), known->name,
                     known->calls ? "D, P.functions, " + all : all),
         node.at);
    otherwise = fmt::format("if {} == N then {} end", result.text(), otherwise);
  }
  line(otherwise, node.at);
  line(into + " = " + result.text());
}

void Generator::call(const Node& node, const std::string& into) {
  const std::vector<Operand> arguments = operands(node.nodes, 0);
  const std::string list = operand_list(arguments);
  const std::size_t count = arguments.size();
  const bool is_sys = node.path.size() == 1 && node.path[0] == "sys" && !reach("::sys");
  if (!node.path.empty() && !is_sys) return call_module(node, list, into);
  if (const Function* own = is_sys ? nullptr : own_function(node.text, count)) {
    return line(fmt::format("{} = {}({})", into, function_name(*own), with_rest("D + 1, U", list)),
                node.at);
  }
  if (host_has(node.text, count)) {
    return line(fmt::format("{} = H.adopt(S[{}]({}))", into, in_quotes(node.text), list), node.at);
  }
  line(fmt::format("{} = H.no_function({}, {})", into, in_quotes(node.text), count), node.at);
}

void Generator::call_module(const Node& node, const std::string& list, const std::string& into) {
  if (node.path.size() > 1) {
    const std::string path = node.path[0] + "::" + node.path[1];
    return line(fmt::format("{} = H.no_module({})", into, in_quotes(path)), node.at);
  }
  const std::size_t count = node.nodes.size();
  const Temporary function(*this);
  line(fmt::format("{} = H.shown({}, {}, {}, {})", function.text(), module_named(node.path[0]),
                   in_quotes(node.path[0]), in_quotes(node.text), count),
       node.at);
  if (count > most_parameters) return;
  line(fmt::format("{} = {}({})", into, function.text(), with_rest("D + 1, U", list)), node.at);
}

void Generator::closure(const Node& node, const std::string& into) {
  const std::string name = fmt::format("K.c{}", ++functions_);
  std::string cells;
  {
    Frame inner;
    {
      const InFrame frame(*this, Frame::Kind::closure);
      std::string list = "D, n";
      for (std::size_t i = 0; i < node.names.size(); ++i) list += fmt::format(", s{}", i);
      parameters(node.names);
      {
        const Temporary value(*this);
        statement(*node.nodes[0], value.text());
        return_text(value.text());
      }
      finish_frame(fmt::format("{} = function(C) return function({}) if D > H.depth then H.deep() "
                               "end if n ~= {} then H.count({}, n) end",
                               name, list, node.names.size(), node.names.size()),
                   node.names.size(), node.at);
      inner = frame.frame();
    }
    cells = cells_for(inner);
  }
  line(fmt::format("{} = {}({})", into, name, cells), node.at);
}

void Generator::object(const Node& node, const std::string& into) {
  const Node& content = *node.nodes[0];
  {
    const Operand value = operand(content, true);
    const std::string& name = sources_.files[file_].name;
    line(fmt::format("{} = H.object({}, {}, {}, {}, {})", into, in_quotes(node.word),
                     in_quotes(node.content), in_quotes(node.text), value.text, in_quotes(name)),
         content.at);
  }
  if (node.text.empty()) return;  // only a value, as `address("a@example.org")`
  if (at_file_level()) line(fmt::format("P.exports[{}] = {}", in_quotes(node.text), into));
  declare(node.text, true, into, true);
}

void Generator::service(const Node& node, const std::string& into) {
  {
    const Operand options = operand(*node.nodes[0], true);
    line(fmt::format("{} = H.service({}, {}, {}, {})", into, in_quotes(node.text),
                     in_quotes(node.word), in_quotes(node.content), options.text),
         node.nodes[0]->at);
  }
  if (at_file_level()) line(fmt::format("P.exports[{}] = {}", in_quotes(node.text), into));
  declare(node.text, true, into, true);
}

/// Keeps the function of a directive in a stage. Elsewhere a directive is only checked.
void Generator::directive(const Node& node, const std::string& into) {
  const auto found = directives_.find(&node);
  const std::string index = found == directives_.end() ? "nil" : std::to_string(found->second);
  const Node* service = node.nodes.size() > 1 ? node.nodes[1].get() : nullptr;
  const Operand body = operand(*node.nodes[0], service == nullptr || is_calm(*service));
  line(fmt::format("H.directive({}, {}, {}, {})", index, in_quotes(node.word), in_quotes(node.text),
                   body.text),
       node.nodes[0]->at);
  if (service != nullptr) {
    const Operand through = operand(*service, true);
    line(fmt::format("H.delegate({}, {}, {})", index, in_quotes(node.text), through.text),
         service->at);
  }
  line(into + " = U");
}

}  // namespace postern::dialect::vsl
