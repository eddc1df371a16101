#include "dialect/kumo/queue_options.h"

#include <algorithm>
#include <array>

#include "dialect/kumo/throttles.h"
#include "script/duration.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;

enum class OptionKind { duration, rate, text, table, list };

struct Option {
  std::string_view name;
  OptionKind kind;
  std::string_view here;  ///< where Postern configures it; empty: the option has an effect
};

constexpr std::string_view age_help = "[queue] expire says how long mail is tried";
constexpr std::string_view pool_help = "`egress` of a [[route]] names the pool";
constexpr std::string_view rate_help = "messages_per_minute in [[route]] bounds a destination";
constexpr std::string_view retry_help =
    "first_retry and longest_retry in [queue] space the attempts";
constexpr std::string_view route_help = "[[route]] says where mail goes and how";
constexpr std::string_view order_help = "the queue determines its own order";

constexpr std::array known_options{
    Option{"egress_pool", OptionKind::text, pool_help},
    Option{"max_age", OptionKind::duration, age_help},
    Option{"max_message_rate", OptionKind::rate, rate_help},
    Option{"max_retry_interval", OptionKind::duration, retry_help},
    Option{"overall_max_message_rate", OptionKind::rate, rate_help},
    Option{"protocol", OptionKind::table, route_help},
    Option{"provider_name", OptionKind::text, rate_help},
    Option{"reap_interval", OptionKind::duration, order_help},
    Option{"refresh_interval", OptionKind::duration, order_help},
    Option{"refresh_strategy", OptionKind::text, order_help},
    Option{"retry_interval", OptionKind::duration, retry_help},
    Option{"routing_domain", OptionKind::text, {}},
    Option{"shrink_policy", OptionKind::list, order_help},
    Option{"strategy", OptionKind::text, order_help},
    Option{"timerwheel_tick_interval", OptionKind::duration, order_help},
};

const Option* find_option(std::string_view name) {
  const auto found = std::find_if(known_options.begin(), known_options.end(),
                                  [&](const Option& option) { return option.name == name; });
  return found == known_options.end() ? nullptr : &*found;
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
    for (const Option& option : known_options) out.push_back(option.name);
    return out;
  }();
  return names;
}

bool is_queue_option(std::string_view name) { return find_option(name) != nullptr; }

std::string_view instead_of_queue_option(std::string_view name) {
  const Option* option = find_option(name);
  return option ? option->here : std::string_view();
}

std::string check_queue_option(std::string_view name, const json::value& value) {
  const Option* option = find_option(name);
  if (!option) return "is not a known option";
  switch (option->kind) {
    case OptionKind::duration:
      return wrong_duration(value);
    case OptionKind::rate:
      return value.is_string() && parse_throttle(value.get_string())
                 ? ""
                 : "must be a rate like '100/s'";
    case OptionKind::text:
      return value.is_string() && !value.get_string().empty() ? "" : "must be text, and not empty";
    case OptionKind::table:
      return value.is_object() ? "" : "must be a table";
    case OptionKind::list:
      // A script's empty table arrives as an empty object.
      return value.is_array() || (value.is_object() && value.get_object().empty())
                 ? ""
                 : "must be a list";
  }
  return "";
}

}  // namespace postern::dialect::kumo
