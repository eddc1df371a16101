#include "dialect/kumo/listener_domains.h"

#include <array>

#include <fmt/format.h>

#include "base/strangers.h"
#include "base/text.h"
#include "dialect/kumo/mistakes.h"

namespace postern::dialect::kumo {

namespace {

constexpr std::array<std::string_view, 3> report_names{"Ignore", "LogThenDrop", "LogThenRelay"};

/// The canonical form of a listener's address; "" if it has none.
std::string listener_key(std::string_view text) {
  if (text == "*") return "*";
  const auto parsed = parse_address_and_port(text);
  return parsed ? fmt::format("{}/{}", parsed->address.to_string(), parsed->port) : "";
}

class ListenerDomainsReader {
 public:
  ListenerDomainsReader(const MergedData& data, bool open_relay_is_known)
      : data_(data), mistakes_(data), open_relay_is_known_(open_relay_is_known) {}

  Result<ListenerDomains> read() {
    for (const auto& [key, value] : data_.value()) {
      const std::string here = below("", key);
      if (key == "listener") {
        read_listeners(here, value);
      } else {
        read_domain(here, key, value, "*");
      }
    }
    if (const auto result = mistakes_.result(); !result) return tl::unexpected(result.error());
    return std::move(domains_);
  }

 private:
  void read_listeners(const std::string& at, const json::value& value) {
    const json::object* table = mistakes_.table(at, value);
    if (!table) return;
    for (const auto& [listener, domains] : *table) {
      const std::string here = below(at, listener);
      const std::string key = listener_key(listener);
      if (key.empty()) {
        mistakes_.add(here, "is not a listener: write \"ip:port\", as in \"192.0.2.1:25\"");
      } else if (const json::object* names = mistakes_.table(here, domains)) {
        for (const auto& [name, settings] : *names) {
          read_domain(below(here, name), name, settings, key);
        }
      }
    }
  }

  void read_domain(const std::string& at, std::string_view name, const json::value& value,
                   const std::string& listener) {
    const Result<ListenerDomain*> domain = domains_.by_listener[listener].entry(name);
    if (!domain) {
      mistakes_.add(at, domain.error().message);
      return;
    }
    const json::object* keys = mistakes_.table(at, value);
    if (!keys) return;
    for (const auto& [key, setting] : *keys) read_key(below(at, key), key, setting, **domain);
  }

  void read_key(const std::string& here, std::string_view key, const json::value& value,
                ListenerDomain& domain) {
    if (key == "relay_to") {
      domain.relay_to = mistakes_.flag(here, value).value_or(false);
    } else if (key == "relay_from") {
      read_networks(here, value, domain.relay_from);
    } else if (key == "relay_from_authz") {
      if (const auto identities = mistakes_.texts(here, value)) {
        domain.relay_from_authz = {identities->begin(), identities->end()};
      }
    } else if (key == "log_oob") {
      domain.log_oob = reports(here, value);
    } else if (key == "log_arf") {
      domain.log_arf = reports(here, value);
    } else {
      mistakes_.unknown_key(here, key,
                            {"relay_to", "relay_from", "relay_from_authz", "log_oob", "log_arf"});
    }
  }

  void read_networks(const std::string& here, const json::value& value,
                     std::vector<Cidr>& networks) {
    const auto texts = mistakes_.texts(here, value);
    if (!texts) return;
    networks.clear();
    for (const std::string& text : *texts) {
      if (const auto network = Cidr::parse(text)) {
        networks.push_back(*network);
      } else {
        mistakes_.add(here, "holds no network: " + network.error().message);
      }
    }
    if (!open_relay_is_known_ && stranger_in(networks)) {
      mistakes_.add(here, "lets unknown clients send mail anywhere: an open relay");
    }
  }

  Reports reports(const std::string& here, const json::value& value) {
    const auto parsed = parse_reports(value);
    if (!parsed) {
      mistakes_.add(here, "must be true, false, 'Ignore', 'LogThenDrop' or 'LogThenRelay'");
    }
    return parsed.value_or(Reports::ignore);
  }

  const MergedData& data_;
  Mistakes mistakes_;
  const bool open_relay_is_known_;
  ListenerDomains domains_;
};

}  // namespace

std::string_view to_string(Reports reports) {
  return report_names[static_cast<std::size_t>(reports)];
}

std::optional<Reports> parse_reports(const json::value& value) {
  if (value.is_bool()) return value.get_bool() ? Reports::log_then_relay : Reports::ignore;
  if (!value.is_string()) return std::nullopt;
  for (std::size_t i = 0; i < report_names.size(); ++i) {
    if (report_names[i] == std::string_view(value.get_string())) return static_cast<Reports>(i);
  }
  return std::nullopt;
}

Result<ListenerDomains> load_listener_domains(const std::vector<DataFile>& sources,
                                              bool open_relay_is_known) {
  MergedData merged;
  for (const DataFile& source : sources) {
    if (const auto added = merged.add(source); !added) return tl::unexpected(added.error());
  }
  return ListenerDomainsReader(merged, open_relay_is_known).read();
}

const ListenerDomain* find_listener_domain(const ListenerDomains& domains, std::string_view domain,
                                           std::string_view listener) {
  const auto find = [&](std::string_view key, std::string_view name) -> const ListenerDomain* {
    const auto found = domains.by_listener.find(key);
    return found == domains.by_listener.end() ? nullptr : found->second.find(name);
  };
  if (const ListenerDomain* here = find(listener_key(listener), domain)) return here;
  if (const ListenerDomain* anywhere = find("*", domain)) return anywhere;
  return find("*", "*");
}

json::object parameters_for(const ListenerDomain& domain, std::string_view peer,
                            const std::optional<std::string>& authz_id) {
  json::array relay_from;
  const auto from = parse_address_and_port(peer);
  const bool by_identity = authz_id && domain.relay_from_authz.contains(*authz_id);
  if (by_identity) {
    if (from) relay_from.emplace_back(from->address.to_string());
  } else {
    for (const Cidr& network : domain.relay_from) relay_from.emplace_back(network.to_string());
  }
  json::object parameters{{"relay_to", domain.relay_to},
                          {"relay_from", std::move(relay_from)},
                          {"log_oob", to_string(domain.log_oob)},
                          {"log_arf", to_string(domain.log_arf)}};
  if (by_identity) parameters["relay_from_authz"] = *authz_id;
  return parameters;
}

}  // namespace postern::dialect::kumo
