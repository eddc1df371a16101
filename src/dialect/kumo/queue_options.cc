#include "dialect/kumo/queue_options.h"

#include <algorithm>
#include <array>

#include "dialect/kumo/throttles.h"
#include "script/duration.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;

enum class Kind { duration, rate, text, table, list };

struct Option {
  std::string_view name;
  Kind kind;
  std::string_view here;  ///< where Postern configures it; empty: the option has an effect
};

constexpr std::string_view age = "[queue] expire says how long mail is tried";
constexpr std::string_view pool = "`egress` of a [[route]] names the pool";
constexpr std::string_view rate = "messages_per_minute in [[route]] bounds a destination";
constexpr std::string_view retry = "first_retry and longest_retry in [queue] space the attempts";
constexpr std::string_view to = "[[route]] says where mail goes and how";
constexpr std::string_view own = "the queue determines its own order";

constexpr std::array options{
    Option{"egress_pool", Kind::text, pool},
    Option{"max_age", Kind::duration, age},
    Option{"max_message_rate", Kind::rate, rate},
    Option{"max_retry_interval", Kind::duration, retry},
    Option{"overall_max_message_rate", Kind::rate, rate},
    Option{"protocol", Kind::table, to},
    Option{"provider_name", Kind::text, rate},
    Option{"reap_interval", Kind::duration, own},
    Option{"refresh_interval", Kind::duration, own},
    Option{"refresh_strategy", Kind::text, own},
    Option{"retry_interval", Kind::duration, retry},
    Option{"routing_domain", Kind::text, {}},
    Option{"shrink_policy", Kind::list, own},
    Option{"strategy", Kind::text, own},
    Option{"timerwheel_tick_interval", Kind::duration, own},
};

const Option* find(std::string_view name) {
  const auto found = std::find_if(options.begin(), options.end(),
                                  [&](const Option& option) { return option.name == name; });
  return found == options.end() ? nullptr : &*found;
}

std::string wrong_duration(const json::value& value) {
  try {
    script::duration_of(value);
    return "";
  } catch (const std::runtime_error& error) {
    return std::string("must be a duration: ") + error.what();
  }
}

}  // namespace

const std::vector<std::string_view>& queue_options() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> out;
    for (const Option& option : options) out.push_back(option.name);
    return out;
  }();
  return names;
}

bool is_queue_option(std::string_view name) { return find(name) != nullptr; }

std::string_view instead_of_queue_option(std::string_view name) {
  const Option* option = find(name);
  return option ? option->here : std::string_view();
}

std::string check_queue_option(std::string_view name, const json::value& value) {
  const Option* option = find(name);
  if (!option) return "is not a known option";
  switch (option->kind) {
    case Kind::duration:
      return wrong_duration(value);
    case Kind::rate:
      return value.is_string() && parse_throttle(value.get_string())
                 ? ""
                 : "must be a rate like '100/s'";
    case Kind::text:
      return value.is_string() && !value.get_string().empty() ? "" : "must be text, and not empty";
    case Kind::table:
      return value.is_object() ? "" : "must be a table";
    case Kind::list:
      // A script's empty table arrives as an empty object.
      return value.is_array() || (value.is_object() && value.get_object().empty())
                 ? ""
                 : "must be a list";
  }
  return "";
}

}  // namespace postern::dialect::kumo
