#include "dialect/kumo/egress.h"

#include "base/text.h"
#include "dialect/kumo/queue_options.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;
using script::bind;

json::value checked_queue_config(json::value options) {
  const bool empty = options.is_array() && options.get_array().empty();
  script::demand(options.is_object() || empty, "make_queue_config: a table is expected");
  if (empty) return options;
  for (const auto& [name, value] : options.get_object()) {
    if (value.is_null()) continue;
    const std::string wrong = check_queue_option(name, value);
    script::demand(wrong.empty(),
                   "make_queue_config: `" + printable(std::string_view(name), 64) + "` " + wrong);
  }
  return options;
}

/// For options that Postern does not know.
json::value unchanged(json::value options) {
  script::demand(options.is_structured(), "a table is expected");
  return options;
}

constexpr script::HostFunction egress_rows[] = {
    {"kumo.make_queue_config", "options: table", "table",
     "The options, checked. They have no effect here: `get_queue_config` is never fired.",
     bind<&checked_queue_config>},
    {"kumo.make_egress_source", "options: table", "table",
     "The options. They have no effect here: source addresses are set in [[egress]].",
     bind<&unchanged>},
    {"kumo.make_egress_pool", "options: table", "table",
     "The options. They have no effect here: pools of source addresses are set in [[egress]].",
     bind<&unchanged>},
    {"kumo.make_egress_path", "options: table", "table",
     "The options. They have no effect here: TLS to other hosts is set in [relay], connections "
     "and rates in [[route]].",
     bind<&unchanged>},
};

}  // namespace

script::HostTable egress_functions() { return egress_rows; }

}  // namespace postern::dialect::kumo
