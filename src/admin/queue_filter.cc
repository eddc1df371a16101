#include "admin/queue_filter.h"

#include "base/amount.h"
#include "spool/words.h"

namespace postern::admin {

Result<void> set_filter(spool::ListFilter& filter, std::string_view name, std::string_view value,
                        spool::Time now) {
  if (name == "state") {
    const auto state = spool::state_named(value);
    const bool is_over = state == spool::State::delivered || state == spool::State::failed;
    if (!state || is_over) {
      return fail(Fault::malformed, "must be queued, held, dead or quarantined");
    }
    filter.state = state;
  } else if (name == "destination") {
    filter.destination = spool::destination_named(value);
    if (!filter.destination) {
      return fail(Fault::malformed, "must be webhook:ID, relay:NAME or local:NAME");
    }
  } else if (name == "account") {
    filter.account = std::string(value);
  } else if (name == "sender") {
    filter.sender = value == "<>" ? std::string() : std::string(value);
  } else if (name == "recipient") {
    filter.recipient = std::string(value);
  } else if (name == "quarantine") {
    filter.quarantine = std::string(value);
  } else if (name == "older_than") {
    const Result<std::chrono::milliseconds> age = parse_duration(value);
    if (!age) return fail(Fault::malformed, "must be a duration: 30m, 6h, 2d");
    filter.stored_before = now - *age;
  } else {
    return fail(Fault::not_found, "is not a filter");
  }
  return {};
}

}  // namespace postern::admin
