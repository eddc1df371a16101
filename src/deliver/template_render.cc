#include <fmt/core.h>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "deliver/template.h"
#include "deliver/template_tree.h"

namespace postern::deliver {
namespace {

namespace json = boost::json;

/// Cost limit of one rendering: one unit per node and argument, and one per 64 octets that are
/// copied or serialised. It stops templates that nest loops around large values.
constexpr std::size_t max_work = 4'000'000;

const json::value null_value;

bool is_true(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return false;
    case json::kind::bool_:
      return value.get_bool();
    case json::kind::int64:
      return value.get_int64() != 0;
    case json::kind::uint64:
      return value.get_uint64() != 0;
    case json::kind::double_:
      return value.get_double() != 0;
    case json::kind::string:
      return !value.get_string().empty();
    case json::kind::array:
      return !value.get_array().empty();
    case json::kind::object:
      return !value.get_object().empty();
  }
  return false;
}

const char* kind_name(const json::value& value) {
  if (value.is_null()) return "nothing";
  if (value.is_bool()) return "a boolean";
  if (value.is_string()) return "text";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return "a number";
}

/// A value in a pipeline: borrowed from the data, or made here.
class Value {
 public:
  Value() = default;
  static Value of(const json::value& data) {
    Value value;
    value.data_ = &data;
    return value;
  }
  /// `held`: octets of all made values that are still in use.
  static Value made(json::value data, std::uint64_t octets, std::uint64_t& held) {
    Value value;
    held += octets;
    value.own_ = std::shared_ptr<json::value>(new json::value(std::move(data)),
                                              [octets, &held](const json::value* gone) {
                                                held -= octets;
                                                delete gone;
                                              });
    value.data_ = value.own_.get();
    return value;
  }
  /// A part of this value, with the same lifetime.
  Value part(const json::value& data) const {
    Value value = *this;
    value.data_ = &data;
    return value;
  }
  const json::value& get() const { return *data_; }

 private:
  const json::value* data_ = &null_value;
  std::shared_ptr<json::value> own_;
};

class Renderer {
 public:
  Renderer(const json::value& root, MemoryCharge& charge)
      : root_(root), charge_(charge), before_(charge.charged()) {}

  Result<std::string> run(const TemplateTree& tree) {
    block(tree.nodes, Value::of(root_));
    (void)charge_.set(before_ + out_.capacity());
    if (failed_) return tl::unexpected<Error>(std::move(error_));
    return std::move(out_);
  }

 private:
  void stop(Fault fault, const Place& place, std::string_view message) {
    if (failed_) return;
    failed_ = true;
    error_ = Error{fault, fmt::format("{}:{}: {}", place.line, place.column, message)};
  }

  bool spend(const Place& place, std::size_t octets = 0) {
    work_ += 1 + octets / 64;
    if (work_ > max_work) stop(Fault::limit, place, "the template does too much work");
    return !failed_;
  }

  /// Whether memory for `octets` more can be charged.
  bool has_room(std::uint64_t octets, const Place& place) {
    if (!charge_.set(before_ + out_.capacity() + held_ + octets)) {
      stop(Fault::temporary, place, "limits.memory is used up");
    }
    return !failed_;
  }

  void write(std::string_view text, const Place& place) {
    if (out_.size() + text.size() > max_template_output) {
      return stop(Fault::limit, place,
                  fmt::format("the output is longer than {} octets", max_template_output));
    }
    // The string grows by doubling.
    const bool grows = out_.size() + text.size() > out_.capacity();
    if (grows && !has_room(out_.size() + 2 * text.size(), place)) return;
    out_ += text;
  }

  void block(const std::vector<TemplateNode>& nodes, const Value& dot) {
    for (const TemplateNode& node : nodes) {
      if (!spend(node.place)) return;
      switch (node.kind) {
        case TemplateNode::Kind::text:
          write(node.text, node.place);
          break;
        case TemplateNode::Kind::output:
          output(pipeline(node.pipeline, dot), node.place);
          break;
        case TemplateNode::Kind::conditional:
          block(is_true(pipeline(node.pipeline, dot).get()) ? node.body : node.otherwise, dot);
          break;
        case TemplateNode::Kind::with:
          with(node, dot);
          break;
        case TemplateNode::Kind::range:
          range(node, dot);
          break;
      }
    }
  }

  void output(const Value& value, const Place& place) {
    const json::value& data = value.get();
    if (failed_ || data.is_null()) return;
    if (data.is_string()) return write(data.get_string(), place);
    const std::string text = json::serialize(data);
    if (spend(place, text.size()) && has_room(text.size(), place)) write(text, place);
  }

  void with(const TemplateNode& node, const Value& dot) {
    const Value value = pipeline(node.pipeline, dot);
    if (is_true(value.get())) {
      block(node.body, value);
    } else {
      block(node.otherwise, dot);
    }
  }

  void range(const TemplateNode& node, const Value& dot) {
    const Value value = pipeline(node.pipeline, dot);
    const json::value& data = value.get();
    if (failed_) return;
    if (!is_true(data)) return block(node.otherwise, dot);
    if (data.is_array()) {
      for (const json::value& element : data.get_array()) {
        if (!iterate(node, value.part(element))) return;
      }
    } else if (data.is_object()) {
      for (const json::key_value_pair& element : data.get_object()) {
        if (!iterate(node, value.part(element.value()))) return;
      }
    } else {
      stop(Fault::malformed, node.place, fmt::format("range over {}", kind_name(data)));
    }
  }

  bool iterate(const TemplateNode& node, const Value& dot) {
    if (++iterations_ > max_template_iterations) {
      stop(Fault::limit, node.place,
           fmt::format("more than {} passes through range", max_template_iterations));
    }
    if (!failed_) block(node.body, dot);
    return !failed_;
  }

  Value pipeline(const TemplatePipeline& commands, const Value& dot) {
    Value value;
    for (std::size_t i = 0; i < commands.size() && !failed_; ++i) {
      value = command(commands[i], dot, i > 0 ? &value : nullptr);
    }
    return value;
  }

  Value command(const TemplateCommand& command, const Value& dot, const Value* piped) {
    std::vector<Value> arguments;
    arguments.reserve(command.operands.size() + 1);
    for (const TemplateOperand& operand : command.operands) {
      if (!spend(operand.place)) return {};
      arguments.push_back(this->operand(operand, dot));
    }
    if (piped != nullptr) arguments.push_back(*piped);
    if (failed_) return {};
    switch (command.function) {
      case TemplateFunction::none:
        return arguments[0];
      case TemplateFunction::json:
        return as_json(arguments[0], command.place);
      case TemplateFunction::eq:
        return equal(arguments, command.place);
      case TemplateFunction::fallback:
        return is_true(arguments[1].get()) ? arguments[1] : arguments[0];
      case TemplateFunction::index:
        return element(arguments, command.place);
    }
    return {};
  }

  Value operand(const TemplateOperand& operand, const Value& dot) {
    switch (operand.kind) {
      case TemplateOperand::Kind::literal:
        return Value::of(operand.literal);
      case TemplateOperand::Kind::field:
        return field(dot, operand);
      case TemplateOperand::Kind::root_field:
        return field(Value::of(root_), operand);
      case TemplateOperand::Kind::pipeline:
        return field(pipeline(operand.pipeline, dot), operand);
    }
    return {};
  }

  /// Follows the names in `operand.path`. An absent member is null, and so are the members of null.
  Value field(const Value& from, const TemplateOperand& operand) {
    Value value = from;
    for (const std::string& name : operand.path) {
      const json::value& data = value.get();
      if (failed_ || data.is_null()) return {};
      if (!data.is_object()) {
        stop(Fault::malformed, operand.place, fmt::format(".{} of {}", name, kind_name(data)));
        return {};
      }
      const json::value* member = data.get_object().if_contains(name);
      if (member == nullptr) return {};
      value = value.part(*member);
    }
    return value;
  }

  Value as_json(const Value& value, const Place& place) {
    const std::string text = json::serialize(value.get());
    if (!spend(place, text.size())) return {};
    if (text.size() > max_template_output) {
      stop(Fault::limit, place, "the value is too long");
      return {};
    }
    if (!has_room(2 * text.size(), place)) return {};
    return Value::made(json::value(text), text.size(), held_);
  }

  Value equal(const std::vector<Value>& arguments, const Place& place) {
    const json::value& first = arguments[0].get();
    bool same = false;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      const json::value& other = arguments[i].get();
      if (first.is_structured() || other.is_structured()) {
        stop(Fault::malformed, place, "eq compares text, numbers and booleans only");
        return {};
      }
      if (!spend(place, first.is_string() ? first.get_string().size() : 0)) return {};
      same = same || first == other;
    }
    return Value::made(same, sizeof(json::value), held_);
  }

  Value element(const std::vector<Value>& arguments, const Place& place) {
    Value value = arguments[0];
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      const json::value& data = value.get();
      const json::value& key = arguments[i].get();
      if (data.is_null()) return {};
      const json::value* found = nullptr;
      if (data.is_object() && key.is_string()) {
        found = data.get_object().if_contains(key.get_string());
      } else if (data.is_array() && key.is_int64()) {
        const std::int64_t at = key.get_int64();
        const json::array& list = data.get_array();
        if (at >= 0 && static_cast<std::uint64_t>(at) < list.size()) {
          found = &list[static_cast<std::size_t>(at)];
        }
      } else {
        stop(Fault::malformed, place,
             fmt::format("index of {} by {}", kind_name(data), kind_name(key)));
        return {};
      }
      if (found == nullptr) return {};
      value = value.part(*found);
    }
    return value;
  }

  const json::value& root_;
  MemoryCharge& charge_;
  const std::uint64_t before_;
  std::uint64_t held_ = 0;
  std::string out_;
  std::size_t iterations_ = 0;
  std::size_t work_ = 0;
  bool failed_ = false;
  Error error_;
};

}  // namespace

Result<std::string> render(const Template& parsed, const json::value& data, MemoryCharge& charge) {
  return Renderer(data, charge).run(parsed.tree());
}

}  // namespace postern::deliver
