// What a script means, written down a second time as plainly as can be: it walks the tree and
// shares nothing with compiler and runtime. It knows the expressions and statements that
// oracle_generator_test.h writes.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "dialect/vsl/ast.h"

namespace postern::dialect::vsl::oracle {

struct Datum;
using Array = std::shared_ptr<std::vector<Datum>>;
using Map = std::shared_ptr<std::map<std::string, Datum>>;
using Cell = std::shared_ptr<std::pair<Datum, bool>>;  ///< value, constant
using Names = std::map<std::string, Cell>;
struct Span {
  std::int64_t from, to;  ///< `to` is outside
};
struct Closure {
  const Node* node;
  Names names;
};
using Fn = std::shared_ptr<Closure>;
struct Datum {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Map, Span, Fn> is;
};

struct Failure {
  Datum value;  ///< what `catch` sees
  Position at;
};
struct Leave {
  enum { returns, breaks, continues } how;
  Datum value;
};

inline std::string text_of(const Datum& value);

inline std::string debug_of(const Datum& value) {
  if (value.is.index() == 0) return "()";
  if (const auto* text = std::get_if<std::string>(&value.is)) {
    std::string out = "\"";
    for (const char c : *text)
      out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return out + "\"";
  }
  return text_of(value);
}

inline std::string text_of(const Datum& value) {
  std::string out;
  switch (value.is.index()) {
    case 0:
      return "";
    case 1:
      return std::get<bool>(value.is) ? "true" : "false";
    case 2:
      return std::to_string(std::get<std::int64_t>(value.is));
    case 3: {
      const double number = std::get<double>(value.is);
      if (std::isnan(number)) return "NaN";
      char buffer[64];
      out.assign(buffer, std::to_chars(buffer, buffer + 64, number).ptr);
      return out.find_first_of(".einf") == std::string::npos ? out + ".0" : out;
    }
    case 4:
      return std::get<std::string>(value.is);
    case 5:
      for (const Datum& one : *std::get<Array>(value.is)) {
        out += (out.empty() ? "" : ", ") + debug_of(one);
      }
      return "[" + out + "]";
    case 6:
      for (const auto& [key, one] : *std::get<Map>(value.is)) {
        out += (out.empty() ? "\"" : ", \"") + key + "\": " + debug_of(one);
      }
      return "#{" + out + "}";
    case 7: {
      const Span span = std::get<Span>(value.is);
      for (std::int64_t i = span.from; i < span.to; ++i) {
        out += (i == span.from ? "" : ", ") + std::to_string(i);
      }
      return "[" + out + "]";
    }
    default:
      return "Fn";
  }
}

inline std::string type_of(const Datum& value) {
  static constexpr const char* names[] = {"()",    "bool", "i64",   "f64", "string",
                                          "array", "map",  "range", "Fn"};
  return names[value.is.index()];
}

inline bool has_function(const Datum& value) {
  if (const auto* array = std::get_if<Array>(&value.is)) {
    return std::ranges::any_of(**array, has_function);
  }
  if (const auto* map = std::get_if<Map>(&value.is)) {
    return std::ranges::any_of(**map, [](const auto& one) { return has_function(one.second); });
  }
  return value.is.index() == 8;
}

/// As a value leaves a script: a copy, and a range is the array of its numbers.
inline Datum copy_of(const Datum& value) {
  if (const auto* array = std::get_if<Array>(&value.is)) {
    auto made = std::make_shared<std::vector<Datum>>();
    for (const Datum& one : **array) made->push_back(copy_of(one));
    return {made};
  }
  if (const auto* map = std::get_if<Map>(&value.is)) {
    auto made = std::make_shared<std::map<std::string, Datum>>();
    for (const auto& [key, one] : **map) (*made)[key] = copy_of(one);
    return {made};
  }
  if (const auto* span = std::get_if<Span>(&value.is)) {
    auto made = std::make_shared<std::vector<Datum>>();
    for (std::int64_t i = span->from; i < span->to; ++i) made->push_back({i});
    return {made};
  }
  return value;
}

inline constexpr const char* no_function = "a function is no value to hand on";

class Evaluator {
 public:
  explicit Evaluator(const File& file) : file_(file) {}

  Datum call(const std::string& name, std::vector<Datum> arguments, Position at) {
    for (const Function& one : file_.functions) {
      if (one.name != name || one.parameters.size() != arguments.size()) continue;
      return run(*one.body, one.parameters, {}, std::move(arguments));
    }
    fail(at, "function '" + name + "' with " + std::to_string(arguments.size()) +
                 " parameter(s) is not defined");
  }

  /// Makes one operation wrong, to see that it is noticed.
  bool planted = false;

 private:
  using Scopes = std::vector<Names>;

  [[noreturn]] static void fail(Position at, std::string message) {
    throw Failure{{std::move(message)}, at};
  }

  static std::string text(const Datum& value, Position at) {
    if (value.is.index() != 8 && has_function(value)) fail(at, no_function);
    return text_of(value);
  }

  Datum run(const Node& body, const std::vector<Name>& parameters, Names names,
            std::vector<Datum> arguments) {
    Scopes scopes{std::move(names), {}};
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      scopes.back()[parameters[i].text] =
          std::make_shared<Cell::element_type>(std::move(arguments[i]), false);
    }
    try {
      return statement(body, scopes);
    } catch (Leave& left) {
      return std::move(left.value);
    }
  }

  Datum call_closure(const Datum& value, std::vector<Datum> arguments) {
    const Closure& one = *std::get<Fn>(value.is);
    if (one.node->names.size() != arguments.size()) {
      fail(one.node->at, "the function takes " + std::to_string(one.node->names.size()) +
                             " parameter(s), not " + std::to_string(arguments.size()));
    }
    return run(*one.node->nodes[0], one.node->names, one.names, std::move(arguments));
  }

  static Cell find(const std::string& name, const Scopes& scopes) {
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
      if (const auto found = scope->find(name); found != scope->end()) return found->second;
    }
    return nullptr;
  }

  static void declare(const std::string& name, Datum value, bool constant, Scopes& scopes) {
    scopes.back()[name] = std::make_shared<Cell::element_type>(std::move(value), constant);
  }

  Datum block(const Node& node, Scopes& scopes) {
    scopes.emplace_back();
    const auto depth = scopes.size();
    Datum last;
    try {
      for (const NodePtr& one : node.nodes) last = statement(*one, scopes);
    } catch (...) {
      scopes.resize(depth - 1);
      throw;
    }
    scopes.pop_back();
    return last;
  }

  bool truth(const Node& node, Scopes& scopes) {
    const Datum value = statement(node, scopes);
    if (value.is.index() != 1) fail(node.at, "the condition is not a boolean");
    return std::get<bool>(value.is);
  }

  /// nullopt: go on.
  std::optional<Datum> round(const Node& body, Scopes& scopes) {
    const auto depth = scopes.size();
    try {
      block(body, scopes);
    } catch (Leave& left) {
      scopes.resize(depth);
      if (left.how == Leave::breaks) return left.value;
      if (left.how == Leave::returns) throw;
    }
    return std::nullopt;
  }

  Datum loop(const Node& node, Scopes& scopes) {
    const bool is_while = node.kind == Kind::while_loop;
    for (;;) {
      if (is_while && !truth(*node.nodes[0], scopes)) return {};
      if (auto left = round(*node.nodes[is_while ? 1 : 0], scopes)) return *left;
      if (node.kind == Kind::do_loop && truth(*node.nodes[1], scopes) == node.flag) return {};
    }
  }

  Datum for_loop(const Node& node, Scopes& scopes) {
    const Datum what = statement(*node.nodes[0], scopes);
    std::vector<Datum> all;
    if (const auto* array = std::get_if<Array>(&what.is)) {
      all = **array;
    } else if (const auto* span = std::get_if<Span>(&what.is)) {
      for (std::int64_t i = span->from; i < span->to; ++i) all.push_back({i});
    } else if (const auto* text = std::get_if<std::string>(&what.is)) {
      for (const char c : *text) all.push_back({std::string(1, c)});
    } else {
      fail(
          node.nodes[0]->at,
          "`for` needs an array, a range, a string or a list of objects, this is " + type_of(what));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      scopes.emplace_back();
      const auto depth = scopes.size();
      declare(node.names[0].text, all[i], false, scopes);
      if (node.names.size() > 1) {
        declare(node.names[1].text, {static_cast<std::int64_t>(i)}, false, scopes);
      }
      std::optional<Datum> left = round(*node.nodes[1], scopes);
      scopes.resize(depth - 1);
      if (left) return *left;
    }
    return {};
  }

  Datum try_catch(const Node& node, Scopes& scopes) {
    const auto depth = scopes.size();
    try {
      return block(*node.nodes[0], scopes);
    } catch (Failure& failure) {
      scopes.resize(depth);
      scopes.emplace_back();
      if (!node.text.empty()) declare(node.text, std::move(failure.value), false, scopes);
    }
    Datum value = block(*node.nodes[1], scopes);
    scopes.pop_back();
    return value;
  }

  Datum statement(const Node& node, Scopes& scopes);
  Datum assign(const Node& node, Scopes& scopes);
  Datum switch_case(const Node& node, Scopes& scopes);
  Datum property(const Node& node, const Datum& owner);
  Datum index(const Node& node, const Datum& owner, const Datum& key);
  Datum method(const Node& node, Scopes& scopes);
  Datum array_method(const Node& node, const Array& array, std::vector<Datum> arguments);
  Datum binary(const Node& node, Scopes& scopes);
  Datum apply(const std::string& word, Position at, const Datum& left, const Datum& right);
  Datum numbers(const std::string& word, Position at, const Datum& left, const Datum& right);
  Datum integers(const std::string& word, Position at, std::int64_t left, std::int64_t right);
  bool is_in(Position at, const Datum& value, const Datum& container);
  bool equal(const Datum& left, const Datum& right);

  const File& file_;
};

}  // namespace postern::dialect::vsl::oracle
