#include "dialect/kumo/listener_values.h"

#include "base/text.h"
#include "mail/address.h"
#include "mail/hostname.h"
#include "script/bind.h"
#include "script/duration.h"

namespace postern::dialect::kumo {

namespace json = boost::json;
using script::demand;

std::string in_option(std::string_view name, std::string_view sentence) {
  return "start_esmtp_listener: '" + std::string(name) + "' " + std::string(sentence);
}

std::string text_of(std::string_view name, const json::value& value) {
  demand(value.is_string(), in_option(name, "must be a string"));
  return std::string(value.get_string());
}

std::uint64_t count_of(std::string_view name, const json::value& value) {
  demand(value.is_int64() && value.get_int64() > 0, in_option(name, "must be a positive number"));
  return static_cast<std::uint64_t>(value.get_int64());
}

bool flag_of(std::string_view name, const json::value& value) {
  demand(value.is_bool(), in_option(name, "must be true or false"));
  return value.get_bool();
}

std::string hostname_of(std::string_view name, const json::value& value) {
  std::string text = text_of(name, value);
  if (mail::is_hostname(text)) return text;
  const auto domain = mail::Domain::parse(text);
  demand(domain && mail::is_hostname(domain->text()),
         in_option(name, "must be the name of a host, not '" + printable(text, 64) + "'"));
  return domain->text();
}

std::vector<Cidr> networks_of(std::string_view name, const json::value& value) {
  demand(value.is_array() || (value.is_object() && value.get_object().empty()),
         in_option(name, "must be a list of networks"));
  std::vector<Cidr> networks;
  if (!value.is_array()) return networks;
  for (const json::value& one : value.get_array()) {
    demand(one.is_string(), in_option(name, "must be a list of networks"));
    const auto network = Cidr::parse(std::string_view(one.get_string()));
    demand(network.has_value(), in_option(name, network ? "" : network.error().message));
    networks.push_back(*network);
  }
  return networks;
}

Listener::LineEndings line_endings_of(const json::value& value) {
  if (value == "Deny") return Listener::LineEndings::deny;
  if (value == "Allow") return Listener::LineEndings::allow;
  demand(value == "Fix", in_option("invalid_line_endings", "must be 'Deny', 'Allow' or 'Fix'"));
  return Listener::LineEndings::fix;
}

std::chrono::milliseconds duration_of(std::string_view name, const json::value& value) {
  try {
    return script::duration_of(value);
  } catch (const std::exception& error) {
    throw std::runtime_error(in_option(name, error.what()));
  }
}

namespace {

/// A sentence about the part of `trace_headers` that has no effect; "": none.
std::string trace_headers_without_effect(const json::value& value) {
  constexpr std::string_view name = "trace_headers";
  demand(value.is_object(), in_option(name, "must be a table"));
  bool received = true;
  std::optional<bool> supplemental;
  bool described = false;
  for (const auto& [key, one] : value.get_object()) {
    const std::string inside = "trace_headers." + std::string(key);
    if (key == "received_header") {
      received = flag_of(inside, one);
    } else if (key == "supplemental_header") {
      supplemental = flag_of(inside, one);
    } else if (key == "header_name") {
      described = !text_of(inside, one).empty() || described;
    } else if (key == "include_meta_names") {
      const bool none = one.is_object() && one.get_object().empty();
      demand(one.is_array() || none, in_option(inside, "must be a list of names"));
      described = described || (one.is_array() && !one.get_array().empty());
    } else {
      demand(false, in_option(inside, "is not a known option"));
    }
  }
  if (!received) return "every message gets a Received field (RFC 5321 §4.4)";
  return supplemental.value_or(described) ? "no supplemental field is added" : "";
}

}  // namespace

std::string without_effect(std::string_view name, const json::value& value) {
  if (name == "data_buffer_size") {
    count_of(name, value);
  } else if (name == "data_processing_timeout") {
    duration_of(name, value);
    return "[lua] time is what a hook may take";
  } else if (name == "deferred_spool") {
    if (flag_of(name, value)) return "a message is on disk before it is accepted";
  } else if (name == "deferred_queue") {
    if (flag_of(name, value)) {
      return "messages are always given to `smtp_server_message_received`";
    }
  } else if (name == "batch_handling") {
    demand(value == "BifurcateAlways" || value == "BatchByDomain",
           in_option(name, "must be 'BifurcateAlways' or 'BatchByDomain'"));
    if (value == "BatchByDomain") {
      return "`smtp_server_message_received` is called for each recipient, and the queue puts "
             "together what goes to one host";
    }
  } else {
    return trace_headers_without_effect(value);
  }
  return "";
}

}  // namespace postern::dialect::kumo
