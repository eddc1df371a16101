// The other half of oracle_evaluator_test.h.
#pragma once

#include <algorithm>

#include "dialect/vsl/oracle_evaluator_test.h"

namespace postern::dialect::vsl::oracle {

inline Datum Evaluator::statement(const Node& node, Scopes& scopes) {
  const auto value_of = [&](std::size_t i) {
    return i < node.nodes.size() && node.nodes[i] ? statement(*node.nodes[i], scopes) : Datum{};
  };
  switch (node.kind) {
    case Kind::integer:
      return {node.integer};
    case Kind::real:
      return {node.real};
    case Kind::string:
      return {node.text};
    case Kind::boolean:
      return {node.flag};
    case Kind::unit:
      return {};
    case Kind::interpolate: {
      std::string all;
      for (const NodePtr& one : node.nodes) all += text(statement(*one, scopes), one->at);
      return {all};
    }
    case Kind::variable: {
      const Cell found = find(node.text, scopes);
      if (!found) fail(node.at, "variable '" + node.text + "' is not defined");
      return found->first;
    }
    case Kind::call: {
      std::vector<Datum> arguments;
      for (const NodePtr& one : node.nodes) arguments.push_back(statement(*one, scopes));
      return call(node.text, std::move(arguments), node.at);
    }
    case Kind::array: {
      auto made = std::make_shared<std::vector<Datum>>();
      for (const NodePtr& one : node.nodes) made->push_back(statement(*one, scopes));
      return {made};
    }
    case Kind::map: {
      auto made = std::make_shared<std::map<std::string, Datum>>();
      for (std::size_t i = 0; i < node.nodes.size(); ++i) (*made)[node.names[i].text] = value_of(i);
      return {made};
    }
    case Kind::closure: {
      auto made = std::make_shared<Closure>(Closure{&node, {}});
      for (const Names& scope : scopes) {
        for (const auto& [name, cell] : scope) made->names[name] = cell;
      }
      return {made};
    }
    case Kind::unary: {
      const Datum value = value_of(0);
      if (node.text == "!") {
        if (value.is.index() != 1) fail(node.at, "`!` needs a boolean, this is " + type_of(value));
        return {!std::get<bool>(value.is)};
      }
      if (const auto* number = std::get_if<std::int64_t>(&value.is)) {
        if (*number == INT64_MIN) fail(node.at, "integer overflow");
        return {-*number};
      }
      if (const auto* number = std::get_if<double>(&value.is)) return {-*number};
      fail(node.at, "`-` cannot be applied to " + type_of(value));
    }
    case Kind::binary:
      return binary(node, scopes);
    case Kind::block:
      return block(node, scopes);
    case Kind::if_else:
      if (truth(*node.nodes[0], scopes)) return value_of(1);
      return value_of(2);
    case Kind::switch_case:
      return switch_case(node, scopes);
    case Kind::index: {
      const Datum owner = value_of(0);
      return index(node, owner, value_of(1));
    }
    case Kind::property: {
      const Datum owner = value_of(0);
      return property(node, owner);
    }
    case Kind::method:
      return method(node, scopes);
    case Kind::let:
      declare(node.text, value_of(0), node.flag, scopes);
      return {};
    case Kind::assign:
      return assign(node, scopes);
    case Kind::while_loop:
    case Kind::loop:
    case Kind::do_loop:
      return loop(node, scopes);
    case Kind::for_loop:
      return for_loop(node, scopes);
    case Kind::return_value:
      throw Leave{Leave::returns, value_of(0)};
    case Kind::break_loop:
      throw Leave{Leave::breaks, value_of(0)};
    case Kind::continue_loop:
      throw Leave{Leave::continues, {}};
    case Kind::throw_value: {
      Datum value = value_of(0);
      if (has_function(value)) fail(node.at, no_function);
      throw Failure{copy_of(value), node.at};
    }
    case Kind::try_catch:
      return try_catch(node, scopes);
    default:
      throw std::logic_error("the oracle does not know this");
  }
}

inline Datum Evaluator::assign(const Node& node, Scopes& scopes) {
  const Node& target = *node.nodes[0];
  const std::string word = node.text.substr(0, node.text.size() - 1);
  Datum value = statement(*node.nodes[1], scopes);
  if (target.kind == Kind::variable) {
    if (!word.empty()) value = apply(word, node.at, statement(target, scopes), value);
    const Cell found = find(target.text, scopes);
    if (!found) fail(target.at, "variable '" + target.text + "' is not defined");
    if (found->second) {
      fail(node.at, "'" + target.text + "' is a constant and cannot be assigned to");
    }
    found->first = std::move(value);
    return {};
  }
  const Datum owner = statement(*target.nodes[0], scopes);
  const bool by_index = target.kind == Kind::index;
  const Datum key = by_index ? statement(*target.nodes[1], scopes) : Datum{target.text};
  if (!word.empty()) {
    const Datum before = by_index ? index(target, owner, key) : property(target, owner);
    value = apply(word, node.at, before, value);
  }
  if (const auto* map = std::get_if<Map>(&owner.is)) {
    (**map)[text(key, node.at)] = std::move(value);
    return {};
  }
  const auto* array = std::get_if<Array>(&owner.is);
  const auto* at = std::get_if<std::int64_t>(&key.is);
  if (array == nullptr || at == nullptr) {
    fail(node.at, "nothing can be set in " + type_of(owner) + " by " + type_of(key));
  }
  const auto size = static_cast<std::int64_t>((*array)->size());
  if (*at < -size || *at >= size) {
    fail(node.at, "index " + std::to_string(*at) + " is out of bounds: there are " +
                      std::to_string(size) + " elements");
  }
  (**array)[static_cast<std::size_t>(*at < 0 ? *at + size : *at)] = std::move(value);
  return {};
}

inline Datum Evaluator::switch_case(const Node& node, Scopes& scopes) {
  const Datum value = statement(*node.nodes[0], scopes);
  for (const Arm& arm : node.arms) {
    bool hit = arm.patterns.empty();
    for (const NodePtr& pattern : arm.patterns) {
      hit = hit || equal(value, statement(*pattern, scopes));
    }
    if (!hit || (arm.guard && !truth(*arm.guard, scopes))) continue;
    return statement(*arm.body, scopes);
  }
  return {};
}

inline Datum Evaluator::property(const Node& node, const Datum& owner) {
  if (const auto* map = std::get_if<Map>(&owner.is)) {
    const auto found = (*map)->find(node.text);
    return found == (*map)->end() ? Datum{} : found->second;
  }
  if (node.text == "len") {
    if (const auto* array = std::get_if<Array>(&owner.is)) {
      return {static_cast<std::int64_t>((*array)->size())};
    }
    if (const auto* text = std::get_if<std::string>(&owner.is)) {
      return {static_cast<std::int64_t>(text->size())};
    }
  }
  fail(node.at, type_of(owner) + " has no property `" + node.text + "`");
}

inline Datum Evaluator::index(const Node& node, const Datum& owner, const Datum& key) {
  if (const auto* map = std::get_if<Map>(&owner.is)) {
    const auto found = (*map)->find(text(key, node.at));
    return found == (*map)->end() ? Datum{} : found->second;
  }
  const auto* at = std::get_if<std::int64_t>(&key.is);
  const auto* array = std::get_if<Array>(&owner.is);
  const auto* text = std::get_if<std::string>(&owner.is);
  if (at == nullptr || (array == nullptr && text == nullptr)) {
    fail(node.at, type_of(owner) + " cannot be indexed by " + type_of(key));
  }
  const auto size = static_cast<std::int64_t>(array != nullptr ? (*array)->size() : text->size());
  if (*at < -size || *at >= size) {
    fail(node.at, "index " + std::to_string(*at) + " is out of bounds: there are " +
                      std::to_string(size) + (array != nullptr ? " elements" : " characters"));
  }
  const auto place = static_cast<std::size_t>(*at < 0 ? *at + size : *at);
  if (array != nullptr) return (**array)[place];
  return {std::string(1, (*text)[place])};
}

inline Datum Evaluator::method(const Node& node, Scopes& scopes) {
  const Datum owner = statement(*node.nodes[0], scopes);
  if (node.flag && owner.is.index() == 0) return {};
  std::vector<Datum> arguments;
  for (std::size_t i = 1; i < node.nodes.size(); ++i) {
    arguments.push_back(statement(*node.nodes[i], scopes));
  }
  if (node.text == "call") {
    if (owner.is.index() != 8) fail(node.at, type_of(owner) + " is no function");
    return call_closure(owner, std::move(arguments));
  }
  if (node.text == "to_string") return {text(owner, node.at)};
  if (node.text == "type_of") return {type_of(owner)};
  if (node.text == "contains" && owner.is.index() >= 4 && owner.is.index() <= 7) {
    return {is_in(node.at, arguments[0], owner)};
  }
  if (const auto* map = std::get_if<Map>(&owner.is); map && node.text == "keys") {
    auto made = std::make_shared<std::vector<Datum>>();
    for (const auto& [key, value] : **map) made->push_back({key});
    return {made};
  }
  if (const auto* array = std::get_if<Array>(&owner.is)) {
    if (node.text != "keys") return array_method(node, *array, std::move(arguments));
  }
  if (const auto* text = std::get_if<std::string>(&owner.is); text && node.text == "len") {
    return {static_cast<std::int64_t>(text->size())};
  }
  if (const auto* map = std::get_if<Map>(&owner.is); map && node.text == "len") {
    return {static_cast<std::int64_t>((*map)->size())};
  }
  fail(node.at, type_of(owner) + " has no method '" + node.text + "' with " +
                    std::to_string(arguments.size()) + " parameter(s)");
}

inline Datum Evaluator::array_method(const Node& node, const Array& array,
                                     std::vector<Datum> arguments) {
  if (node.text == "len") return {static_cast<std::int64_t>(array->size())};
  if (node.text == "push") {
    array->push_back(arguments[0]);
    return {};
  }
  if (node.text == "pop") {
    if (array->empty()) return {};
    Datum last = array->back();
    array->pop_back();
    return last;
  }
  if (arguments[0].is.index() != 8) fail(node.at, type_of(arguments[0]) + " is no function");
  auto made = std::make_shared<std::vector<Datum>>();
  const std::size_t size = array->size();
  for (std::size_t i = 0; i < size && i < array->size(); ++i) {
    const Datum element = (*array)[i];
    const Datum answer = call_closure(arguments[0], {element});
    if (node.text == "map") {
      made->push_back(answer);
      continue;
    }
    if (answer.is.index() != 1) fail(node.at, "the condition is not a boolean");
    if (std::get<bool>(answer.is)) made->push_back(element);
  }
  return {made};
}

inline Datum Evaluator::binary(const Node& node, Scopes& scopes) {
  if (node.text == "&&") {
    return {truth(*node.nodes[0], scopes) && truth(*node.nodes[1], scopes)};
  }
  if (node.text == "||") {
    return {truth(*node.nodes[0], scopes) || truth(*node.nodes[1], scopes)};
  }
  const Datum left = statement(*node.nodes[0], scopes);
  if (node.text == "??" && left.is.index() != 0) return left;
  const Datum right = statement(*node.nodes[1], scopes);
  return node.text == "??" ? right : apply(node.text, node.at, left, right);
}

inline Datum Evaluator::apply(const std::string& word, Position at, const Datum& left,
                              const Datum& right) {
  const auto is = [&](std::size_t kind) {
    return left.is.index() == kind && right.is.index() == kind;
  };
  const auto is_number = [](const Datum& one) {
    return one.is.index() == 2 || one.is.index() == 3;
  };
  if (word == "==") return {equal(left, right)};
  if (word == "!=") return {!equal(left, right)};
  if (word == "in") return {is_in(at, left, right)};
  if (is(2)) {
    return integers(word, at, std::get<std::int64_t>(left.is), std::get<std::int64_t>(right.is));
  }
  if (is_number(left) && is_number(right)) return numbers(word, at, left, right);
  if (word == "+" && (left.is.index() == 4 || right.is.index() == 4) && left.is.index() != 5) {
    return {text(left, at) + text(right, at)};
  }
  if (const auto* array = std::get_if<Array>(&left.is); array && word == "+") {
    auto made = std::make_shared<std::vector<Datum>>(**array);
    if (const auto* more = std::get_if<Array>(&right.is)) {
      made->insert(made->end(), (*more)->begin(), (*more)->end());
    } else {
      made->push_back(right);
    }
    return {made};
  }
  if (is(4)) {
    const int order = std::get<std::string>(left.is).compare(std::get<std::string>(right.is));
    if (word == "<") return {order < 0};
    if (word == "<=") return {order <= 0};
    if (word == ">") return {order > 0};
    if (word == ">=") return {order >= 0};
  }
  if (is(1)) {
    const bool a = std::get<bool>(left.is);
    const bool b = std::get<bool>(right.is);
    if (word == "&") return {a && b};
    if (word == "|") return {a || b};
    if (word == "^") return {a != b};
  }
  fail(at, "`" + word + "` cannot be applied to " + type_of(left) + " and " + type_of(right));
}

inline Datum Evaluator::numbers(const std::string& word, Position at, const Datum& left,
                                const Datum& right) {
  const auto number = [](const Datum& one) {
    const auto* whole = std::get_if<std::int64_t>(&one.is);
    return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(one.is);
  };
  const double a = number(left);
  const double b = number(right);
  if (word == "+") return {a + b};
  if (word == "-") return {a - b};
  if (word == "*") return {a * b};
  if (word == "**") return {std::pow(a, b)};
  if ((word == "/" || word == "%") && b == 0) fail(at, "division by zero");
  if (word == "/") return {a / b};
  if (word == "%") return {std::fmod(a, b)};
  if (word == "<") return {a < b};
  if (word == "<=") return {a <= b};
  if (word == ">") return {a > b};
  if (word == ">=") return {a >= b};
  fail(at, "`" + word + "` cannot be applied to " + type_of(left) + " and " + type_of(right));
}

/// In 128 bits, where nothing overflows.
inline Datum Evaluator::integers(const std::string& word, Position at, std::int64_t left,
                                 std::int64_t right) {
  const auto fits = [&](__int128 value) -> Datum {
    if (value < INT64_MIN || value > INT64_MAX) fail(at, "integer overflow");
    return {static_cast<std::int64_t>(value)};
  };
  const __int128 a = left;
  if (word == "+") return fits(a + right);
  if (word == "-") return fits(planted ? a - right + (right == 3 ? 1 : 0) : a - right);
  if (word == "*") return fits(a * right);
  if ((word == "/" || word == "%") && right == 0) fail(at, "division by zero");
  if (word == "/") return fits(a / right);
  if (word == "%") return fits(a % right);
  if (word == "**") {
    if (right < 0) fail(at, "an integer cannot be raised to a negative power");
    __int128 product = 1;
    for (std::int64_t i = 0; i < right && (left < -1 || left > 1); ++i) {
      product *= left;
      fits(product);
    }
    if (left >= -1 && left <= 1) product = right == 0 ? 1 : left < 0 && right % 2 == 0 ? 1 : left;
    return fits(product);
  }
  if (word == "<<" || word == ">>") {
    if (right < 0 || right > 63) fail(at, "a shift is by 0 to 63 bits");
    return word == ">>" ? fits(a >> right) : fits(a * (__int128{1} << right));
  }
  if (word == "&") return {left & right};
  if (word == "|") return {left | right};
  if (word == "^") return {left ^ right};
  if (word == "<") return {left < right};
  if (word == "<=") return {left <= right};
  if (word == ">") return {left > right};
  if (word == ">=") return {left >= right};
  if (word == "..") return {Span{left, std::max(left, right)}};
  return {Span{left, left <= right ? right + 1 : left}};
}

inline bool Evaluator::is_in(Position at, const Datum& value, const Datum& container) {
  const auto* text = std::get_if<std::string>(&value.is);
  const auto wanted = [&](const char* what) {
    if (text == nullptr) fail(at, std::string("`in` ") + what + " needs a string in front");
  };
  if (const auto* all = std::get_if<std::string>(&container.is)) {
    wanted("with a string");
    return all->find(*text) != std::string::npos;
  }
  if (const auto* map = std::get_if<Map>(&container.is)) {
    wanted("with a map");
    return (*map)->contains(*text);
  }
  if (const auto* array = std::get_if<Array>(&container.is)) {
    return std::ranges::any_of(**array, [&](const Datum& one) { return equal(one, value); });
  }
  if (const auto* span = std::get_if<Span>(&container.is)) {
    const auto* number = std::get_if<std::int64_t>(&value.is);
    return number != nullptr && *number >= span->from && *number < span->to;
  }
  fail(at, "`in` cannot look inside of " + type_of(container));
}

inline bool Evaluator::equal(const Datum& left, const Datum& right) {
  if (left.is.index() != right.is.index()) {
    const auto* a = std::get_if<double>(&left.is);
    const auto* b = std::get_if<std::int64_t>(&right.is);
    if (a != nullptr && b != nullptr) return static_cast<long double>(*a) == *b;
    return a == nullptr && left.is.index() == 2 && right.is.index() == 3 && equal(right, left);
  }
  if (const auto* array = std::get_if<Array>(&left.is)) {
    return std::ranges::equal(**array, *std::get<Array>(right.is),
                              [&](const Datum& a, const Datum& b) { return equal(a, b); });
  }
  if (const auto* map = std::get_if<Map>(&left.is)) {
    return std::ranges::equal(**map, *std::get<Map>(right.is), [&](const auto& a, const auto& b) {
      return a.first == b.first && equal(a.second, b.second);
    });
  }
  if (const auto* span = std::get_if<Span>(&left.is)) {
    const Span other = std::get<Span>(right.is);
    return span->from == other.from && span->to == other.to;
  }
  if (left.is.index() == 0) return true;
  if (const auto* a = std::get_if<bool>(&left.is)) return *a == std::get<bool>(right.is);
  if (const auto* a = std::get_if<std::int64_t>(&left.is)) {
    return *a == std::get<std::int64_t>(right.is);
  }
  if (const auto* a = std::get_if<double>(&left.is)) return *a == std::get<double>(right.is);
  if (const auto* a = std::get_if<std::string>(&left.is)) {
    return *a == std::get<std::string>(right.is);
  }
  return std::get<Fn>(left.is) == std::get<Fn>(right.is);
}

}  // namespace postern::dialect::vsl::oracle
